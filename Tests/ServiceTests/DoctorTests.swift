import PresenceCore
import PresenceStore
import RedisClient
import Support
import Testing

@Suite("The doctor")
struct DoctorTests {
    @Test("It says nothing of a healthy system under load, ten times in a row")
    func healthy() async throws {
        try await Deployment.with(workers: 2, redis: ["--appendonly", "yes"]) { deployment in
            try await Examined.isWell(deployment.redis.url)
            try await withThrowingTaskGroup { group in
                for number in 0..<4 { group.addTask { try await Self.traffic(deployment.backend, "crowd-\(number)") } }
                defer { group.cancelAll() }
                for _ in 0..<10 {
                    let examined = try await Examined(deployment.redis.url)
                    #expect(examined.codes == [] && examined.status == 0, "\(examined.output)")
                }
            }
            #expect(deployment.receiver.events.count > 500, "that was no load")
        }
    }

    /// Logins, displacements, heartbeats, closed connections, logouts, kicks, and sessions that fall silent.
    private static func traffic(_ backend: Backend, _ name: String) async throws {
        var live: [(user: String, session: String)] = []
        for round in 0... {
            guard !Task.isCancelled else { return }
            let user = "\(name)-\(round % 97)"
            let platform = ["Web", "iPhone", "Mac", "Android"][round % 4]
            live.append((user, try await backend.session(user, platform)))
            if round % 5 == 0 { _ = try await backend.heartbeat(live.suffix(20).map(\.self)) }
            switch round % 7 {
            case 1: _ = try await backend.disconnect(user, live[live.count - 1].session)
            case 2: _ = try await backend.logout(user, live[live.count - 1].session)
            case 3: _ = try await backend.kick(user)
            default: break
            }
            if live.count > 100 { live.removeFirst(50) }
        }
    }

    @Test("It finds what was damaged by hand, mends what it says it can, and then finds nothing")
    func mending() async throws {
        try await Deployment.with(redis: ["--appendonly", "yes"], Self.patient) { deployment in
            let url = deployment.redis.url
            try await Examined.isWell(url)
            let damage = try await Damage(deployment)
            let found = try await Examined(url)
            #expect(found.codes == Damage.codes && found.status == 1, "\(found.output)")
            #expect(found.report["findings"].list.allSatisfy { $0["mended"].int == 0 })
            #expect(try await Examined(url).codes == Damage.codes, "without --fix nothing is written")

            let mended = try await Examined(url, ["--fix"])
            #expect(mended.codes == Damage.codes && mended.status == 0, "\(mended.output)")
            #expect(mended.output.contains("action=fix") && mended.output.contains("outcome=done"))
            for finding in mended.report["findings"].list { #expect(finding["mended"].int == finding["count"].int) }
            let again = try await Examined(url)
            #expect(again.codes == [] && again.status == 0, "\(again.output)")
            try await damage.isOver(deployment.backend)
        }
    }

    /// Desktops that may be silent for long: their deadlines are far away.
    private static let patient = ["heartbeat.desktop-timeout-ms": "400000"]

    @Test("It finds a Redis that evicts, tells nothing, and denies what is needed")
    func redis() async throws {
        try await Deployment.with(workers: 1, redis: ["--appendonly", "yes"]) { deployment in
            let redis = deployment.redis
            try await Examined.isWell(redis.url)
            try await redis.command("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
            try await redis.command("CONFIG", "SET", "notify-keyspace-events", "")
            #expect(try await Examined(redis.url).codes == ["evicting", "notifications-off"])
            try await redis.command("CONFIG", "SET", "maxmemory-policy", "noeviction")
            try await redis.command("CONFIG", "SET", "notify-keyspace-events", "Kxt")
            try await redis.command("ACL", "SETUSER", "doctor", "on", ">x", "~*", "&*", "+@all", "-xadd")
            let denied = try await Examined(redis.url.replacing("redis://", with: "redis://doctor:x@"))
            #expect(denied.codes == ["missing-permission"])
            #expect(denied.subjects("missing-permission") == ["\(redis.address): +xadd"])
            let asService = try await Examined(redis.serviceURL)
            #expect(asService.codes == ["cannot-look", "notifications-unknown"], "\(asService.output)")
        }
    }

    @Test("It finds keys that are none of the service's, and records it cannot read; it tells how far it is")
    func strays() async throws {
        try await Deployment.with(workers: 1, redis: ["--appendonly", "yes"]) { deployment in
            let redis = deployment.redis
            try await Examined.isWell(redis.url)
            _ = try await deployment.backend.session("ann", "Mac")
            try await deployment.corruptRecord(of: "ann")
            let shard = KeySpace(prefix: "presence", shards: 16).shard(of: try UserID("bob"))
            let misplaced = Deployment.key((shard + 1) % 16, "recent:bob")
            try await redis.command("HSET", misplaced, "x", "y")
            try await redis.command("SET", "presence:{999}:events", "x")
            let found = try await Examined(redis.url, ["--progress"])
            #expect(found.codes == ["unreadable-record", "uncounted", "wrong-shard", "stray-key"], "\(found.output)")
            #expect(found.subjects("stray-key") == ["presence:{999}:events"])
            #expect(found.subjects("wrong-shard") == [misplaced])
            #expect(found.output.contains("shards: 16 of 16 (100 %)"))
            let text = try await PresenceProcess.end(of: ["doctor", "--redis-url", redis.url])
            #expect(text.output.contains("warning stray-key (1): A key with the service's prefix"))
            #expect(text.status == 1)
        }
    }

    @Test("It finds a late sweep, and nobody who owns the shards")
    func lateSweep() async throws {
        try await Deployment.with(workers: 1, redis: ["--appendonly", "yes"]) { deployment in
            try await Examined.isWell(deployment.redis.url)
            deployment.workers[0].pause()
            try await eventually(else: "the sweep is not late") {
                try await Examined(deployment.redis.url, ["--no-audit"]).codes.isSuperset(of: ["sweep-late"])
            }
            try await eventually(else: "the shards have an owner") {
                try await Examined(deployment.redis.url, ["--no-audit"]).codes
                    .isSuperset(of: ["no-worker", "shard-unowned", "sweep-late"])
            }
            // An owner at work would have mended it.
            try await deployment.redis.command("HSET", Deployment.key(5, "cursor"), "backlog", "17")
            let mended = try await Examined(deployment.redis.url, ["--no-audit", "--fix"])
            #expect(mended.subjects("backlog-wrong") == ["shard 5: says 17, counted 0"])
            #expect(try await !Examined(deployment.redis.url, ["--no-audit"]).codes.contains("backlog-wrong"))
            deployment.workers[0].resume()
        }
    }

    @Test("It finds a worker with other rules, and a configuration at hand that is not the service's")
    func rules() async throws {
        try await Deployment.with(workers: 1, redis: ["--appendonly", "yes"]) { deployment in
            let url = deployment.redis.url
            try await Examined.isWell(url)
            let flags = ["--login-policy", "multi", "--only-differing", "--auth-api-keys", "my-secret"]
            let examined = try await Examined(url, flags)
            #expect(examined.codes == ["configuration-differs"] && examined.status == 0)
            #expect(examined.output.contains("login.policy is multi, adopted is single"))
            let keys = examined.report["configuration"].list.compactMap { $0["key"].string }
            #expect(keys == ["auth.api-keys", "redis.url", "login.policy"])
            #expect(!examined.output.contains("my-secret"))
            let unruled = try await Examined(
                url, ["--no-audit", "--log-level", "debug", "--redis-allow-eviction", "true"])
            #expect(unruled.codes == [], "it says nothing of rules: \(unruled.output)")
            var others = Deployment.shortTimeouts
            others["login.policy"] = "multi"
            try await PresenceProcess.withWorker(redis: url, others) { _ in
                let examined = try await Examined(url, ["--no-audit"])
                #expect(examined.codes == ["rules-differ"], "\(examined.output)")
            }
        }
    }

    @Test("It finds a worker whose clock is wrong, and that its own is")
    func clocks() async throws {
        try await Deployment.with(workers: 1, redis: ["--appendonly", "yes"]) { deployment in
            let url = deployment.redis.url
            try await Examined.isWell(url)
            let folder = try temporaryFolder("clock")
            defer { removeFolder(folder) }
            let clock = try await PreloadedClock(in: folder)
            try clock.shift(by: .seconds(60))
            var settings = Deployment.shortTimeouts
            settings["callback.url"] = deployment.receiver.url
            try await PresenceProcess.withWorker(redis: url, settings, environment: clock.environment) { _ in
                try await eventually(else: "the worker's clock is not told") {
                    try await Examined(url, ["--no-audit"]).codes == ["worker-clock"]
                }
            }
            let examined = try await Examined(url, ["--no-audit"], environment: clock.environment)
            #expect(examined.codes.contains("own-clock"), "\(examined.output)")
        }
    }

    @Test("It finds dead letters, and where they are full")
    func deadLetters() async throws {
        try await Deployment.with(workers: 1, redis: ["--appendonly", "yes"]) { deployment in
            let redis = deployment.redis
            try await Examined.isWell(redis.url)
            func add(_ count: Int, _ shard: Int) async throws {
                let script = "for i = 1, \(count) do redis.call('XADD', KEYS[1], '*', 'refused', '400') end"
                try await redis.command("EVAL", script, "1", Deployment.key(shard, "dead"))
            }
            try await add(1, 3)
            #expect(try await Examined(redis.url).codes == ["dead-letters"])
            try await add(10_000, 4)
            let full = try await Examined(redis.url)
            #expect(full.codes == ["dead-letters", "dead-letters-full"])
            #expect(full.subjects("dead-letters-full") == ["shard 4: 10000 of 10000, 0 dropped"])
        }
    }

    @Test("It looks at every master of a cluster, and at its replicas")
    func cluster() async throws {
        let arguments = ["--appendonly", "yes", "--notify-keyspace-events", "Kxt", "--min-replicas-to-write", "1"]
        try await RedisCluster.withCluster(masters: 2, replicasEach: 1, arguments: arguments) { cluster in
            try await Deployment.withWorkers(1, on: cluster.serviceURL, Self.patient) { _, backend, _ in
                try await Examined.isWell(cluster.url)
                let session = try await backend.session("ann", "Mac")
                let keys = KeySpace(prefix: "presence", shards: 16)
                let (ann, shard) = (try UserID("ann"), keys.shard(of: try UserID("ann")))
                try await RedisClient.with(cluster.url) { redis in
                    let lease = keys.lease(ann, try SessionID(session))
                    _ = try await redis.replies([
                        RedisCommand("DEL", key: lease),
                        RedisCommand("HINCRBY", key: keys.counts(shard), "Online:Web", "3"),
                    ])
                }
                try await cluster.nodes[3].command("ACL", "SETUSER", "default", "-zrem")
                let found = try await Examined(cluster.url)
                #expect(found.codes == ["ghost", "missing-permission", "wrong-counts"], "\(found.output)")
                #expect(found.subjects("missing-permission") == ["\(cluster.nodes[3].address): +zrem"])
                try await cluster.nodes[3].command("ACL", "SETUSER", "default", "+zrem")
                #expect(try await Examined(cluster.url, ["--fix"]).status == 0)
                #expect(try await Examined(cluster.url).codes == [])
                try await eventually(else: "the ghost is not settled") { try await backend.status("ann") == "Offline" }
            }
        }
    }

    @Test("It follows sentinels to the master, and looks at the replicas")
    func sentinels() async throws {
        let arguments = ["--appendonly", "yes", "--notify-keyspace-events", "Kxt", "--min-replicas-to-write", "1"]
        try await RedisSentinels.withSentinels(arguments: arguments) { set in
            try await Deployment.withWorkers(1, on: set.serviceURL) { _, _, _ in
                try await Examined.isWell(set.url)
                try await set.servers[1].command("CONFIG", "SET", "notify-keyspace-events", "")
                let found = try await Examined(set.url)
                #expect(found.codes == ["notifications-off"], "\(found.output)")
                #expect(found.subjects("notifications-off").first?.hasPrefix(set.servers[1].address) == true)
            }
        }
    }
}
