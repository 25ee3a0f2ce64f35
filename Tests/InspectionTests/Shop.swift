import Foundation
import Inspection
import PresenceCore
import PresenceStore
import RedisClient
import Support
import Testing

struct Unexpected: Error {}

/// A store of one shard's owner on a real Redis, and what it tells of a user.
struct Shop {
    let store: PresenceStore

    static func open(
        _ path: String = "", policy: LoginPolicy = .single, _ body: (Shop) async throws -> Void
    ) async throws {
        try await RedisServer.withRedis { server in
            try await RedisClient.with(server.url + path) { redis in
                var options = StoreOptions(worker: "a")
                options.limits.policy = policy
                options.hasReceiver = true
                let store = PresenceStore(redis: redis, keys: KeySpace(prefix: "test", shards: 2), options: options)
                #expect(try await store.adopt(options.rules(hasReceiver: true), insteadOf: nil))
                _ = try await store.register(silenceMs: 60_000)
                try await body(Shop(store: store))
            }
        }
    }

    func login(_ user: UserID, _ platform: Platform) async throws -> SessionID {
        guard case .accepted(let login) = try await store.login(user, platform: platform, instance: .unnamed) else {
            throw Unexpected()
        }
        return login.session
    }

    func story(_ user: UserID) async throws -> UserStory {
        let facts = try await store.facts(of: user)
        let slot = store.keys.slot(of: facts.shard.number)
        return UserStory(facts, commandLine: store.redis.redisCLI(slot: slot))
    }

    func fence(_ user: UserID) async throws -> Fence {
        try #require(await store.own([store.keys.shard(of: user)], leaseMs: 60_000).answers.values.first?.fence)
    }

    func sweep(_ user: UserID) async throws {
        let shard = store.keys.shard(of: user)
        let fence = try await fence(user)
        _ = await store.tend([shard: fence], leaseMs: 60_000, renewAtMs: 40_000, usersMax: 10)
    }

    func entries(_ user: UserID) async -> [OutboxEntry] {
        let shard = store.keys.shard(of: user)
        return await store.events(after: [shard: "0-0"], limit: 1_000)[shard] ?? []
    }

    /// Acknowledges all events of the user's shard.
    func acknowledge(_ user: UserID, aside: [OutboxEntry] = [], attempts: [String: Int] = [:]) async throws -> [String]
    {
        let entries = await entries(user)
        let last = try #require(entries.last)
        let done = DoneEvents(
            fence: try await fence(user), after: "0-0", position: last.position, id: last.id, count: entries.count,
            aside: aside.map(\.position), attempts: attempts)
        let shard = store.keys.shard(of: user)
        guard case .acknowledged(let aside)? = await store.acknowledge([shard: done])[shard] else {
            throw Unexpected()
        }
        return aside
    }

    /// Empties the log, and has the dead letters of a shard be of an hour ago.
    func ageDeadLetters(of shard: Shard) async throws {
        let script = """
            for _, letter in ipairs(redis.call('XRANGE', KEYS[1], '-', '+')) do
              letter[2][4] = string.format('%d-0', string.match(letter[2][4], '^%d+') - 3600000)
              redis.call('XDEL', KEYS[1], letter[1])
              redis.call('XADD', KEYS[1], '*', unpack(letter[2]))
            end
            return redis.call('DEL', KEYS[2])
            """
        let (dead, events) = (store.keys.dead(shard), store.keys.events(shard))
        let reply = await store.redis.pipeline([
            RedisCommand(words: ["EVAL", script, "2", dead, events], routedBy: dead)
        ])[0]
        #expect(try reply.get().int == 1)
    }

    func finish(_ user: UserID, _ finished: [FinishedAside]) async throws {
        let shard = store.keys.shard(of: user)
        let answers = await store.finishAside([shard: (try await fence(user), finished)])
        #expect(answers[shard] == .finished(finished.count, dropped: 0))
    }
}
