import Inspection
import JSON
import PresenceStore
import Support
import Testing

@Suite("The service at one glance")
struct ServiceOverviewTests {
    private func overview(_ change: (inout HealthFacts) -> Void = { _ in }) throws -> Support.JSON {
        let rules = StoreOptions(worker: "a").rules(hasReceiver: true)
        let live = ["a%20b", "c"].map { WorkerSaying(worker: $0, level: 1, rules: rules.digest, hasReceiver: true) }
        var facts = HealthFacts(
            nowMs: nowMs, live: live, rules: SharedRules.Adopted(rules: rules, digest: rules.digest))
        for shard in 0..<4 {
            var health = HealthFacts.ShardHealth()
            health.owner = shard < 3 ? "a b" : "c"
            health.ownedUntilMs = nowMs + 5_000
            health.sweptAtMs = nowMs
            facts.shards[shard] = health
        }
        change(&facts)
        return try Support.JSON(parsing: Members(overview: ServiceOverview(facts, shards: 4)).jsonText)
    }

    private struct Members: JSONWritable {
        let overview: ServiceOverview

        func write(to json: inout JSONWriter) { json.object { overview.members(&$0) } }
    }

    @Test("Workers by name with what they own, the rules, and nothing wrong")
    func well() throws {
        let overview = try overview()
        #expect(overview["workers"].list.map { $0["worker"].string } == ["a b", "c"])
        #expect(overview["workers"].list.map { $0["shards"].int } == [3, 1])
        #expect(overview["shards"]["unowned"].int == 0)
        #expect(overview["health"]["level"].string == "OK")
        #expect(overview["rules"]["policy"].string == "single" && overview["rules"]["platforms"].list.count == 8)
        #expect(overview["delivery"]["hasReceiver"].bool == true)
    }

    @Test("A shard whose owner is silent or whose lease has ended has none; what waits and is late is of all shards")
    func unwell() throws {
        let overview = try overview {
            $0.shards[0]?.ownedUntilMs = nowMs - 1
            $0.shards[1]?.owner = "gone"
            $0.shards[2]?.owner = nil
            $0.shards[0]?.backlog = 2
            $0.shards[3]?.backlog = 3
            $0.shards[3]?.oldestWaitingMs = nowMs - 7_000
            $0.shards[1]?.firstDueMs = nowMs - 4_000
            $0.shards[1]?.isInGrace = true
            $0.shards[2]?.dead = 1
        }
        #expect(overview["shards"]["unownedNumbers"].list.map(\.int) == [0, 1, 2])
        #expect(overview["shards"]["inGrace"].int == 1)
        #expect(overview["delivery"]["waiting"].int == 5 && overview["delivery"]["waitingMs"].int == 7_000)
        #expect(overview["settlementLagMs"].int == 4_000)
        #expect(overview["delivery"]["dead"].int == 1)
        #expect(overview["health"]["findings"].list.contains { $0["text"].string == "1 dead letter" })
    }

    @Test("A Redis server is told by what it says of itself")
    func node() {
        let facts = RedisNode.Facts(
            "redis_version:7.0.15\r\nrole:master\r\nused_memory:1000\r\nmaxmemory:0\r\nconnected_clients:4\r\n"
                + "instantaneous_ops_per_sec:12\r\nconnected_slaves:1\r\n"
                + "slave0:ip=10.0.0.2,port=6379,state=online,offset=1,lag=1\r\n")
        #expect(facts.software == "Redis 7.0.15" && facts.role == "master" && facts.memoryBytes == 1_000)
        #expect(facts.replicas == [.init(address: "10.0.0.2:6379", state: "online", lagSeconds: 1)])
    }
}
