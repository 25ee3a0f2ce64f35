import PresenceCore
import PresenceStore
import PresenceWorker
import RedisClient
import Support
import Testing

/// With rounds an hour apart, only notifications can be what wakes the work.
@Suite(.timeLimit(.minutes(1))) struct WakeUpTests {
    static let onlyHints: WorkerPaces = {
        var paces = WorkerPaces()
        paces.sweepRoundMs = 3_600_000
        paces.sweepRoundUntoldMs = 3_600_000
        paces.leaseMs = 3_600_000
        return paces
    }()

    private static func shortTimeouts(_ options: inout StoreOptions) {
        options.platforms[.web].heartbeat = HeartbeatTiming(intervalMs: 200, timeoutMs: 1_000)
    }

    @Test("The append of an event wakes its delivery, by the exact channel of the owned shard's stream")
    func events() async throws {
        try await RedisServer.withRedis { server in
            let told = Told()
            try await WorkHarness.with("a", on: server, paces: Self.onlyHints, deliver: told.deliver) { harness in
                try await harness.untilOwned(by: "a")
                try await eventually(else: "no canary") { harness.log.has("notifications_ok=true") }
                _ = try await harness.loggedIn(.ann)
                try await eventually(else: "not delivered") { told.changes.map(\.user) == [.ann] }
            }
        }
    }

    @Test("The alarm of a shard wakes its sweep when the next timer may have ended")
    func alarm() async throws {
        try await RedisServer.withRedis { server in
            let options = Self.shortTimeouts
            try await WorkHarness.with("a", on: server, paces: Self.onlyHints, options: options) { first in
                try await first.untilOwned(by: "a")
                try await eventually(else: "no canary") { first.log.has("notifications_ok=true") }
                _ = try await first.loggedIn(.ann)
                // Somebody looks once, as a round would: the alarm is set.
                let shard = first.store.keys.shard(of: .ann)
                let fence = try await first.store.redis.send(
                    RedisCommand("HGET", key: first.store.keys.owner(shard), "fence"))
                _ = await first.store.tend(
                    [shard: Int(fence.int ?? 0)], leaseMs: 8_000, renewAtMs: 5_000, usersMax: 1)
                try await eventually(else: "not settled") {
                    try await first.store.presence(of: .ann).status == .offline
                }
            }
        }
    }

    @Test(
        "What a worker listens to are the streams and alarms of its own shards, and its canary; shares move with them")
    func channels() async throws {
        try await RedisServer.withRedis { server in
            try await WorkHarness.with("a", on: server, shards: 16) { first in
                func channels() async throws -> Int {
                    let all = try await first.store.redis.send(
                        RedisCommand(keyless: "PUBSUB", "CHANNELS", "__key*"))
                    return all.array?.count ?? 0
                }
                try await eventually(else: "other channels") { try await channels() == 33 }
                try await WorkHarness.with("b", on: server, shards: 16) { second in
                    try await second.untilOwned(by: "a", "b")
                    try await eventually(else: "other channels") { try await channels() == 34 }
                    let subscribers = try await first.store.redis.send(
                        RedisCommand(keyless: "PUBSUB", "NUMSUB", "__keyspace@0__:test:{003}:events"))
                    #expect(subscribers.array?.last?.int == 1)
                }
            }
        }
    }

    @Test("With notifications off everything is found by the rounds")
    func off() async throws {
        try await RedisServer.withRedis { server in
            let told = Told()
            var paces = WorkerPaces()
            paces.checkMs = 3_600_000
            let options = Self.shortTimeouts
            try await WorkHarness.with("a", on: server, paces: paces, options: options, deliver: told.deliver) {
                harness in
                try await harness.untilOwned(by: "a")
                try await eventually(else: "no canary") { harness.log.has("notifications_ok") }
                _ = try await harness.store.redis.send(
                    RedisCommand(keyless: "CONFIG", "SET", "notify-keyspace-events", ""))
                _ = try await harness.loggedIn(.ann)
                try await eventually(else: "heard \(told.changes.count)") {
                    told.changes.map(\.reason) == [.register, .linkClose]
                }
            }
        }
    }
}
