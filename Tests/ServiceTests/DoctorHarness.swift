import Foundation
import PresenceCore
import PresenceStore
import RedisClient
import Support
import Testing

/// What `presence doctor` said.
struct Examined {
    let report: JSON
    let output: String
    let status: Int32?

    init(_ url: String, _ flags: [String] = [], environment: [String: String] = [:]) async throws {
        let end = try await PresenceProcess.end(
            of: ["doctor", "--json", "--redis-url", url] + flags, environment: environment)
        (output, status) = end
        // Beside it stands what went to standard error.
        let document = output.split(separator: "\n").first { $0.hasPrefix("{") } ?? ""
        report = (try? JSON(parsing: String(document))) ?? .null
        guard report["well"] != .null else { throw TimedOut(description: "no report: \(output)") }
    }

    var codes: Set<String> { Set(report["findings"].list.compactMap { $0["code"].string }) }

    /// Each with its detail.
    func subjects(_ code: String) -> [String] {
        let finding = report["findings"].list.first { $0["code"].string == code }
        return finding?["subjects"].list.map { subject in
            (subject["subject"].string ?? "") + (subject["detail"].string.map { ": \($0)" } ?? "")
        } ?? []
    }

    /// Waits until all shards are looked after.
    static func isWell(_ url: String) async throws {
        var last = ""
        try await eventually(else: "it is not well: \(last)") {
            let examined = try? await Examined(url, ["--no-audit"])
            last = examined?.output ?? "no report"
            return examined?.status == 0 && examined?.codes == []
        }
    }
}

/// Everything that `--fix` mends and no worker mends by itself within seconds, done by hand.
struct Damage {
    static let codes: Set = [
        "ghost", "wrong-counts", "missing-deadline", "late-deadline", "idle-deadline", "endless-timer", "orphan-timer",
        "endless-record", "ending-record", "endless-key",
    ]

    private let living: [(user: String, session: String)]

    init(_ deployment: Deployment) async throws {
        let keys = KeySpace(prefix: "presence", shards: 16)
        let backend = deployment.backend
        func login(_ name: String) async throws -> (user: UserID, session: SessionID) {
            (try UserID(name), try SessionID(try await backend.session(name, "Mac")))
        }
        func deadlines(_ user: UserID) -> String { keys.deadlines(keys.shard(of: user)) }
        let ghost = try await login("ghost")
        let forgotten = try await login("forgotten")
        let late = try await login("late")
        let endless = try await login("endless")
        let ending = try await login("ending")
        let gone = try await login("gone")
        _ = try await backend.logout("gone", gone.session.description)
        let orphan = try SessionID("Web:1:never")
        let far = String(Int.max / 1_000)
        try await deployment.redis.withClient { redis in
            _ = try await redis.replies([
                RedisCommand("DEL", key: keys.lease(ghost.user, ghost.session)),
                RedisCommand("ZREM", key: deadlines(forgotten.user), "forgotten"),
                RedisCommand("ZADD", key: deadlines(late.user), far, "late"),
                RedisCommand("ZADD", key: deadlines(late.user), far, "nobody"),
                RedisCommand("PERSIST", key: keys.lease(endless.user, endless.session)),
                RedisCommand("PEXPIRE", key: keys.user(ending.user), "1000000"),
                RedisCommand("PERSIST", key: keys.user(gone.user)),
                RedisCommand("SET", key: keys.push(ghost.user, orphan), "1", "PX", "1000000"),
                RedisCommand("SET", key: keys.revoked(ghost.user), "1"),
                RedisCommand("HINCRBY", key: keys.counts(keys.shard(of: late.user)), "users:Online", "5"),
            ])
        }
        living = [forgotten, late, endless, ending].map { ($0.user.rawValue, $0.session.description) }
    }

    /// Waits until the ghost is settled; those that live, live.
    func isOver(_ backend: Backend) async throws {
        try await eventually(else: "the ghost is Online") { try await backend.status("ghost") == "Offline" }
        let beats = try await backend.heartbeat(living)
        #expect(beats.body["renewed"].int == living.count, "\(beats.text)")
        for (user, _) in living { #expect(try await backend.status(user) == "Online") }
    }
}
