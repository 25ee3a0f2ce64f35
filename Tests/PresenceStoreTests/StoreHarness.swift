import PresenceCore
import RedisClient
import Support
import Testing

@testable import PresenceStore

extension UserID {
    static let ann = try! UserID("ann")
    static let bob = try! UserID("bob")
}

extension SessionID {
    /// A device's session that no login gave out.
    static func never(_ device: String) -> SessionID { try! SessionID("\(device):never") }
}

/// An answer a test cannot go on with.
struct Unexpected: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// Runs the body with a store on a private redis-server.
func withStore(
    shards: Int = 2, limits: LoginLimits = LoginLimits(), eventsBacklogMax: Int = 1_000_000,
    eventsRetentionMs: Int = 600_000, body: (PresenceStore) async throws -> Void
) async throws {
    var options = StoreOptions(worker: "a")
    options.limits = limits
    options.eventsBacklogMax = eventsBacklogMax
    options.eventsRetentionMs = eventsRetentionMs
    let keys = KeySpace(prefix: "test", shards: shards)
    try await RedisServer.withRedis(["--enable-debug-command", "yes"]) { server in
        try await server.withClient { redis in
            try await body(PresenceStore(redis: redis, keys: keys, options: options))
        }
    }
}

extension PresenceStore {
    /// The same store as another worker sees it.
    func asWorker(_ name: String, on redis: RedisClient? = nil) -> PresenceStore {
        var options = options
        options.worker = name
        return PresenceStore(redis: redis ?? self.redis, keys: keys, options: options)
    }

    /// A login that has to be accepted.
    @discardableResult
    func loggedIn(
        _ user: UserID, _ platform: Platform, _ instance: String = "1", link: Link? = nil
    ) async throws -> AcceptedLogin {
        let answer = try await login(user, platform: platform, instance: InstanceID(instance), link: link)
        guard case .accepted(let login) = answer else {
            throw Unexpected("a login of \(user) on \(platform) was not accepted: \(answer)")
        }
        return login
    }

    func presence(_ user: UserID) async throws -> UserPresence { try await presence(of: user) }

    /// The user's sessions and where each stands.
    func statuses(_ user: UserID) async throws -> [SessionID: Status] {
        try await presence(user).sessions.reduce(into: [:]) { $0[$1.id] = $1.status }
    }

    /// Heartbeats that Redis answers, all of them: those whose session is gone.
    func gone(among beats: [UserSession]) async -> [UserSession] {
        let answer = await heartbeat(beats)
        #expect(answer.failed.isEmpty)
        return answer.gone
    }

    /// All entries of a shard's outbox.
    func entries(_ shard: Shard) async throws -> [OutboxEntry] {
        await events(after: [shard: "0-0"], limit: 100_000)[shard] ?? []
    }

    /// All changes of a user in their order.
    func changes(_ user: UserID) async throws -> [StatusChange] {
        try await entries(keys.shard(of: user)).map { try #require($0.change) }.filter { $0.user == user }
    }

    /// The user's changes as `Action/Reason`.
    func story(_ user: UserID) async throws -> [String] {
        try await changes(user).map { "\($0.action.rawValue)/\($0.reason.rawValue)" }
    }

    /// Ends the session's timers, as silence would.
    func silence(_ user: UserID, _ session: SessionID) async throws {
        try await command(["DEL"] + timerKeys(user, [session]))
    }

    /// Takes or renews the ownership of shards.
    func owned(_ shards: [Shard], leaseMs: Int = 60_000) async throws -> [Shard: Fence] {
        await own(shards, leaseMs: leaseMs).answers.mapValues(\.fence)
    }

    /// What the owner of these shards hears when it looks after them.
    func tended(_ owned: [Shard: Fence], usersMax: Int = 256) async throws -> [Shard: TendAnswer] {
        await tend(owned, leaseMs: 60_000, renewAtMs: 40_000, usersMax: usersMax).answers
    }

    /// Tends every shard as its owner, for the time to come.
    func sweepAll() async throws { _ = try await tended(owned(Array(0..<keys.shards))) }

    /// The script calls that settling these users makes at last, with their records as they are now.
    func settleCalls(_ users: UserID...) async throws -> [ScriptCall<SettleWord>] {
        var answer = SettleAnswer()
        let due = await read(users, &answer)
        #expect(answer.unreadable.isEmpty && answer.failures.isEmpty)
        return due.map { settleCall([$0]) }
    }

    @discardableResult
    func command(_ words: String...) async throws -> RedisValue { try await command(words) }

    @discardableResult
    func command(_ words: [String]) async throws -> RedisValue {
        try await redis.send(RedisCommand(words: words, routedBy: nil))
    }

    /// A digest of all that Redis holds.
    func digest() async throws -> RedisValue { try await command("DEBUG", "DIGEST") }

    func ttl(_ key: String) async throws -> Int64? { try await command("PTTL", key).int }

    func deadline(_ user: UserID) async throws -> Int64? {
        try await command("ZSCORE", keys.deadlines(keys.shard(of: user)), user.rawValue).int
    }

    /// Checks that a user is due when this timer ends, and not to the millisecond: a script's clock runs on.
    func expectDeadline(of user: UserID, atEndOf timer: String) async throws {
        let end = try #require(try await command("PEXPIRETIME", timer).int)
        let deadline = try #require(try await deadline(user))
        #expect((end - 100...end + 100).contains(deadline))
    }

    func nowMs() async throws -> Int64 {
        let time = try #require(try await command("TIME").array?.compactMap(\.int))
        return time[0] * 1000 + time[1] / 1000
    }
}
