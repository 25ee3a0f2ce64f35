import PresenceCore
import PresenceStore
import PresenceWorker
import RedisClient
import Support
import Testing

@Suite(.timeLimit(.minutes(1))) struct MembersTests {
    /// Rules nobody has are replaced soon, a server is looked at often.
    static let quick: WorkerPaces = {
        var paces = WorkerPaces()
        paces.ownershipRoundMs = 100
        paces.adoptAfterMs = 1_000
        paces.checkMs = 200
        return paces
    }()

    private static func dual(_ options: inout StoreOptions) { options.limits.policy = .dual }

    @Test("A worker with other rules owns nothing beside one with the adopted ones, and says which keys differ")
    func otherRules() async throws {
        try await RedisServer.withRedis { server in
            try await WorkHarness.with("a", on: server, paces: Self.quick) { first in
                try await first.untilOwned(by: "a")
                try await WorkHarness.with("b", on: server, paces: Self.quick, options: Self.dual) { second in
                    let difference = "login.policy is dual, adopted is single"
                    try await eventually(else: "not told") { second.work.status.differences == [difference] }
                    try await eventually(else: "not logged") { second.log.has(difference) }
                    #expect(try await second.owners() == ["a"])
                    // It serves calls.
                    _ = try await second.loggedIn(.ann)
                    #expect(first.work.status.differences == [])
                }
            }
        }
    }

    @Test("Rules that no live worker has any more are replaced by those of one that waited")
    func adopted() async throws {
        try await RedisServer.withRedis { server in
            try await WorkHarness.with("b", on: server, paces: Self.quick, options: Self.dual) { second in
                try await second.untilOwned(by: "b")
            }
            try await WorkHarness.with("a", on: server, paces: Self.quick) { first in
                try await eventually(else: "not told") { !first.work.status.differences.isEmpty }
                try await first.untilOwned(by: "a")
                #expect(try await first.store.adoptedRules()?.rules.values["login.policy"] == "single")
                #expect(first.work.status.differences == [])
            }
        }
    }

    @Test("Beside a worker with a receiver one without acknowledges nothing; alone it sweeps, and events wait")
    func receiver() async throws {
        try await RedisServer.withRedis { server in
            let told = Told()
            try await WorkHarness.with("a", on: server, paces: Self.quick, deliver: told.deliver) { first in
                try await first.untilOwned(by: "a")
                try await WorkHarness.with("b", on: server, paces: Self.quick) { second in
                    try await eventually(else: "not told") {
                        second.work.status.differences == ["callback.url is not set, adopted is yes"]
                    }
                    for number in 0..<20 { _ = try await second.loggedIn(UserID("user-\(number)")) }
                    try await eventually(else: "heard \(told.changes.count)") { told.changes.count == 20 }
                    #expect(try await second.owners() == ["a"])
                }
            }
            try await WorkHarness.with(
                "b", on: server, paces: Self.quick,
                options: { $0.platforms[.web].heartbeat = HeartbeatTiming(intervalMs: 100, timeoutMs: 400) },
                body: { alone in
                    try await alone.untilOwned(by: "b")
                    _ = try await alone.loggedIn(.bob)
                    try await eventually(else: "not settled") {
                        try await alone.store.presence(of: .bob).status == .offline
                    }
                    let shard = alone.store.keys.shard(of: .bob)
                    let backlog = try await alone.store.redis.send(
                        RedisCommand("HGET", key: alone.store.keys.cursor(shard), "backlog"))
                    #expect(backlog.int == 2, "events wait for a receiver")
                })
            let before = told.changes.count
            try await WorkHarness.with(
                "a", on: server, paces: Self.quick,
                options: { $0.platforms[.web].heartbeat = HeartbeatTiming(intervalMs: 100, timeoutMs: 400) },
                deliver: told.deliver
            ) { _ in
                try await eventually(else: "heard \(told.changes.count)") { told.changes.count == before + 2 }
            }
        }
    }

    @Test("FLUSHALL is told, and the layout and the rules stand again; where another took the place this worker ends")
    func flushed() async throws {
        try await RedisServer.withRedis { server in
            _ = await #expect(throws: StoreError.self) {
                try await WorkHarness.with("a", on: server, paces: Self.quick) { harness in
                    try await harness.untilOwned(by: "a")
                    _ = try await harness.store.redis.send(RedisCommand(keyless: "FLUSHALL"))
                    try await eventually(else: "not told") { harness.log.has("Redis has lost presence:meta") }
                    try await harness.untilOwned(by: "a")
                    #expect(try await harness.store.adoptedRules() != nil)
                    // Somebody else was faster with another number of shards.
                    _ = try await harness.store.redis.send(
                        RedisCommand("HSET", key: harness.store.keys.meta, "shards", "64"))
                    try await harness.work.run()
                }
            }
        }
    }

    @Test("A key of all workers damaged by hand is written anew, and is no reason to send clients elsewhere")
    func damagedKeys() async throws {
        try await RedisServer.withRedis { server in
            try await WorkHarness.with("a", on: server, paces: Self.quick) { harness in
                try await harness.untilOwned(by: "a")
                let keys = harness.store.keys
                for (key, kind) in [(keys.workers, "zset"), (keys.rules, "hash"), (keys.meta, "hash")] {
                    _ = try await harness.store.redis.send(RedisCommand("SET", key: key, "x"))
                    try await eventually(else: "\(key) is not mended") {
                        #expect(harness.work.isAnswered)
                        return try await harness.store.redis.send(RedisCommand("TYPE", key: key)).string == kind
                    }
                }
                _ = try await harness.store.redis.send(RedisCommand("HDEL", key: keys.meta, "layout"))
                try await eventually(else: "the layout is not noted again") {
                    try await harness.store.redis.send(RedisCommand("HGET", key: keys.meta, "layout")).string == "2"
                }
                for owner in (0..<keys.shards).map(keys.owner) {
                    _ = try await harness.store.redis.send(RedisCommand("SET", key: owner, "x"))
                }
                try await eventually(else: "the shards are nobody's") {
                    try await harness.owners() == ["a"]
                }
            }
        }
    }

    @Test("An eviction policy changed while running, and a server that is a replica by now, are told")
    func server() async throws {
        try await RedisServer.withRedis { server in
            try await WorkHarness.with("a", on: server, paces: Self.quick) { harness in
                try await harness.untilOwned(by: "a")
                _ = try await harness.store.redis.send(
                    RedisCommand(keyless: "CONFIG", "SET", "maxmemory-policy", "volatile-lru"))
                try await eventually(else: "not told") { harness.log.has("maxmemory-policy volatile-lru") }
            }
            try await WorkHarness.with("b", on: server, paces: Self.quick) { harness in
                _ = try await harness.store.redis.send(
                    RedisCommand(keyless: "CONFIG", "SET", "maxmemory-policy", "noeviction"))
                try await harness.untilOwned(by: "b")
                _ = try await harness.store.redis.send(RedisCommand(keyless: "REPLICAOF", "127.0.0.1", "1"))
                try await eventually(else: "not told") { harness.log.has("role slave") }
                _ = try await harness.store.redis.send(RedisCommand(keyless: "REPLICAOF", "NO", "ONE"))
            }
        }
    }

    @Test("Live counts damaged by hand are counted anew, also beside others' changes")
    func counts() async throws {
        try await RedisServer.withRedis { server in
            try await WorkHarness.with(
                "a", on: server, paces: Self.quick, options: { $0.limits.policy = .multi },
                body: { harness in
                    try await harness.untilOwned(by: "a")
                    for number in 0..<30 { _ = try await harness.loggedIn(UserID("user-\(number)")) }
                    let phone = try await harness.loggedIn(.ann, .iPhone)
                    _ = try await harness.store.disconnect(.ann, session: phone.session)
                    let right = try await harness.store.counts()
                    let counts = (0..<harness.store.keys.shards).map(harness.store.keys.counts)
                    _ = try await harness.store.redis.replies([
                        RedisCommand("DEL", key: counts[0]),
                        RedisCommand("HSET", key: counts[1], "users:Online", "-5"),
                        RedisCommand("HSET", key: counts[2], "users:Online", "none"),
                    ])
                    try await eventually(else: "not mended: \(harness.log.lines.suffix(3))") {
                        try await harness.store.counts() == right
                    }
                })
        }
    }

    @Test("Where timeouts became shorter, who was there before is settled by the shorter one")
    func shorterTimeouts() async throws {
        try await RedisServer.withRedis { server in
            var session: SessionID?
            try await WorkHarness.with("a", on: server, paces: Self.quick) { first in
                try await first.untilOwned(by: "a")
                session = try await first.loggedIn(.ann).session
            }
            let beat = UserSession(user: .ann, session: try #require(session))
            try await WorkHarness.with(
                "b", on: server, paces: Self.quick,
                options: { $0.platforms[.web].heartbeat = HeartbeatTiming(intervalMs: 200, timeoutMs: 1_000) },
                body: { second in
                    try await second.untilOwned(by: "b")
                    #expect(await second.store.heartbeat([beat]).gone == [])
                    // Its deadline said 60 s.
                    try await eventually(else: "not settled") {
                        try await second.store.presence(of: .ann).status == .offline
                    }
                })
        }
    }
}
