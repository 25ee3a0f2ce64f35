import PresenceCore
import PresenceStore
import Testing

@testable import Inspection

@Suite("What is wrong with servers, workers and shards")
struct ChecksTests {
    private static let healthy = [
        "role": "master", "redis_version": "7.0.15", "maxmemory_policy": "noeviction", "aof_enabled": "1",
        "aof_last_write_status": "ok", "rdb_last_bgsave_status": "ok", "used_memory": "1000000",
        "maxmemory": "100000000", "connected_slaves": "0",
    ]

    private static func server(
        _ address: String = "a:1", _ changes: [String: String] = [:], clock: Int = 0, notifications: String? = "Kxt",
        missing: [String] = []
    ) -> ServerLook {
        ServerLook(
            address: address, info: healthy.merging(changes) { $1 }, clock: ClockOffset(ms: clock, errorMs: 1),
            notifications: notifications, missing: missing)
    }

    private static func found(_ servers: ServerLook..., hasFailover: Bool = false) -> [FindingCode] {
        ServerChecks(servers: servers, hasFailover: hasFailover).findings.map(\.code)
    }

    @Test("A server as it has to be has nothing")
    func healthyServer() { #expect(Self.found(Self.server()) == []) }

    @Test("What a server's own figures tell")
    func figures() {
        #expect(Self.found(Self.server("a:1", ["redis_version": "6.2.1"])) == [.redisVersion])
        #expect(Self.found(Self.server("a:1", ["maxmemory_policy": "volatile-lru"])) == [.evicting])
        #expect(Self.found(Self.server("a:1", ["aof_enabled": "0"])) == [.noAppendOnlyFile])
        #expect(Self.found(Self.server("a:1", ["rdb_last_bgsave_status": "err"])) == [.savingFails])
        #expect(Self.found(Self.server("a:1", ["used_memory": "85000000"])) == [.memoryShort])
        #expect(Self.found(Self.server(notifications: "")) == [.notificationsOff])
        #expect(Self.found(Self.server(notifications: "KA")) == [])
        #expect(Self.found(Self.server(notifications: nil)) == [.notificationsUnknown])
        #expect(Self.found(Self.server(missing: ["+xadd"])) == [.missingPermission])
        var unasked = Self.server()
        unasked.missingUnknown = "Redis did not answer in time."
        #expect(Self.found(unasked) == [.cannotLook])
    }

    @Test("Replicas that are late or away, and a failover that has nobody to go to")
    func replicas() {
        let line = "ip=127.0.0.1,port=7,state=online,offset=1,lag=0"
        #expect(
            Self.found(
                Self.server("a:1", ["connected_slaves": "1", "slave0": line, "min_slaves_good_slaves": "1"]),
                hasFailover: true) == [])
        #expect(Self.found(Self.server(), hasFailover: true) == [.noReplica, .splitBrain])
        let late = line.replacing("lag=0", with: "lag=11")
        #expect(Self.found(Self.server("a:1", ["connected_slaves": "1", "slave0": late])) == [.replicaLate])
        #expect(Self.found(Self.server("a:1", ["role": "slave", "master_link_status": "down"])) == [.replicaDown])
    }

    @Test("Clocks that differ by more than the answers may have taken")
    func clocks() {
        #expect(Self.found(Self.server(clock: 400), Self.server("b:1", clock: -90)) == [])
        #expect(Self.found(Self.server(clock: 400), Self.server("b:1", clock: -110)) == [.redisClocksDiffer])
        #expect(Self.found(Self.server(clock: -2_002)) == [.ownClock])
    }

    private static let keys = KeySpace(prefix: "presence", shards: 1)
    private static let rules = StoreOptions(worker: "a").rules(hasReceiver: true)

    private static func worker(_ name: String = "a", clock: Int? = 0, rules: SharedRules = rules) -> WorkerSaying {
        WorkerSaying(
            worker: name, level: 1, rules: rules.digest, hasReceiver: true, version: "1.0.0", clockMs: clock)
    }

    private static func found(
        _ workers: [WorkerSaying], _ change: (inout ShardLook) -> Void = { _ in }
    ) -> [FindingCode] {
        var shard = ShardLook(shard: 0, nowMs: 1_000_000)
        (shard.owner, shard.ownedUntilMs, shard.sweptMs, shard.waiting) = ("a", 1_005_000, 999_000, 0)
        change(&shard)
        return WorkerChecks(
            workers: workers, adopted: SharedRules.Adopted(rules: rules, digest: rules.digest), shards: [shard],
            options: StoreOptions(worker: "a", rules: rules), keys: keys
        ).findings.map(\.code)
    }

    @Test("What workers say of themselves")
    func workers() {
        #expect(Self.found([Self.worker()]) == [])
        #expect(Self.found([]).contains(.noWorker))
        #expect(Self.found([Self.worker(clock: 2_500)]) == [.workerClock])
        var others = StoreOptions(worker: "b")
        others.pushRetentionMs = 1_000
        let other = others.rules(hasReceiver: true)
        #expect(Self.found([Self.worker(), Self.worker("b", rules: other)]) == [.rulesDiffer])
        #expect(Self.found([Self.worker(rules: other)]) == [.rulesDiffer, .rulesUnserved])
    }

    @Test("How a shard stands")
    func shards() {
        #expect(Self.found([Self.worker()]) { $0.ownedUntilMs = 999_999 } == [.shardUnowned])
        #expect(Self.found([Self.worker()]) { $0.owner = "b" } == [.ownerDead])
        #expect(Self.found([Self.worker()]) { $0.sweptMs = 1_000_000 - 6_001 } == [.sweepLate])
        #expect(Self.found([Self.worker()]) { $0.dueMs = 1_000_000 - 5_001 } == [.settlementLate])
        #expect(Self.found([Self.worker()]) { $0.graceBeganMs = 990_000 } == [.grace])
        #expect(Self.found([Self.worker()]) { $0.broken = ["x"] } == [.wrongType])
        #expect(Self.found([Self.worker()]) { ($0.waiting, $0.backlog) = (3, 5) } == [.backlogWrong])
        #expect(
            Self.found([Self.worker()]) { ($0.waiting, $0.backlog, $0.firstWaiting) = (1, 1, "939000-0") }
                == [.backlogOld])
        #expect(
            Self.found([Self.worker()]) { ($0.waiting, $0.backlog) = (1_000, 800_000) } == [.backlogNearFull])
        #expect(Self.found([Self.worker()]) { ($0.waiting, $0.cursorBeyond) = (nil, "9-9") } == [.cursorBeyond])
        #expect(Self.found([Self.worker()]) { $0.aside = 1 } == [.eventsAside])
        #expect(Self.found([Self.worker()]) { $0.dead = 9_999 } == [.deadLetters])
        #expect(Self.found([Self.worker()]) { $0.dead = 10_000 } == [.deadLettersFull])
    }

    @Test("What people wrote by hand is a finding, whatever the number")
    func handWritten() {
        let most = StoredNumber.most
        #expect(Self.found([Self.worker()]) { $0.sweptMs = 0 } == [.sweepLate])
        #expect(Self.found([Self.worker()]) { $0.graceBeganMs = most } == [.grace])
        #expect(Self.found([Self.worker()]) { $0.backlog = most } == [.backlogWrong])
        #expect(Self.found([Self.worker()]) { $0.backlog = -most } == [.backlogWrong])
    }

    @Test("What is seen only once is none of it")
    func standing() {
        let once = [Finding(.sweepLate, "shard 1", "7 s"), Finding(.grace, "shard 2")]
        #expect(
            [Finding(.sweepLate, "shard 1", "9 s")].standing(since: once) == [Finding(.sweepLate, "shard 1", "9 s")])
        #expect([Finding(.sweepLate, "shard 3")].standing(since: once) == [])
    }

    @Test("The rules that stand in Redis give the options they were made from")
    func options() {
        var options = StoreOptions(worker: "a")
        options.platforms[.web].heartbeat = HeartbeatTiming(intervalMs: 500, timeoutMs: 4_000)
        options.pushRetentionMs = 3_000
        options.eventsBacklogMax = 77
        let following = StoreOptions(worker: "a", rules: options.rules(hasReceiver: true))
        #expect(following.platforms.traits == options.platforms.traits)
        #expect(following.pushRetentionMs == 3_000 && following.eventsBacklogMax == 77 && following.hasReceiver)
    }
}
