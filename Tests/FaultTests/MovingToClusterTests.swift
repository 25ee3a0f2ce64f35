import Foundation
import PresenceStore
import RedisClient
import Support
import Testing

@Suite("Moving to a cluster")
struct MovingToClusterTests {
    private static let settings = ["heartbeat.browser-interval-ms": "4000", "heartbeat.browser-timeout-ms": "10000"]
    private static let arguments = ["--appendonly", "yes", "--notify-keyspace-events", "Kxt"]
    private static let all = Set(0..<16)

    @Test("A Redis in use becomes a cluster of three by the documented steps: nothing is lost and nobody goes Offline")
    func steps() async throws {
        try await withServers { servers in
            let redis = servers[0]
            try await Deployment.withWorkers(2, on: redis.serviceURL, Self.settings) { workers, backend, receiver in
                let traffic = Traffic(on: backend)
                try await traffic.running {
                    try await traffic.goesOn(in: Self.all)
                    try await self.becomesCluster(redis, traffic)
                    try await self.replace(workers, redis, backend, traffic)
                    try await self.spread(servers, traffic)
                    try await traffic.goesOn(in: Self.all)
                }
                try await traffic.check(receiver)
            }
        }
    }

    /// The Redis in use, two that are to become masters beside it, and a replica.
    private func withServers(_ body: ([RedisServer]) async throws -> Void) async throws {
        try await RedisServer.withRedis(Self.arguments) { redis in
            try await RedisServer.withRedis(Self.arguments + Self.cluster()) { second in
                try await RedisServer.withRedis(Self.arguments + Self.cluster()) { third in
                    try await RedisServer.withRedis(Self.arguments + Self.cluster()) { replica in
                        try await body([redis, second, third, replica])
                    }
                }
            }
        }
    }

    private static func cluster() async throws -> [String] {
        ["--cluster-enabled", "yes", "--cluster-require-full-coverage", "no"]
            + ["--cluster-port", "\(try await FreePort.next())"]
    }

    /// Step 1: the server is started anew, as a cluster of its own.
    private func becomesCluster(_ redis: RedisServer, _ traffic: Traffic) async throws {
        let start = ContinuousClock.now
        try await redis.restart(with: Self.cluster())
        try await run("ADDSLOTS", on: [redis])
        let info = try await run("cluster info", on: [redis])
        #expect(info.contains("cluster_slots_ok:16384"))
        try await traffic.goesOn(in: Self.all)
        print("one master after \(ContinuousClock.now - start):", traffic.summary(of: Self.all, since: start))
    }

    /// Step 2: workers that know it is a cluster take the place of the others, one after the other.
    private func replace(
        _ workers: [PresenceProcess], _ redis: RedisServer, _ backend: Backend, _ traffic: Traffic
    ) async throws {
        let start = ContinuousClock.now
        let url = "redis+cluster://\(RedisServer.serviceCredentials)\(redis.address)"
        for (worker, other) in zip(workers, workers.reversed()) {
            try await backend.use([other])
            try await worker.stop()
            try await worker.startAgain(redis: url)
            try await backend.use([worker])
        }
        try await backend.use(workers)
        try await traffic.goesOn(in: Self.all)
        print("workers replaced:", traffic.summary(of: Self.all, since: start))
        #expect(traffic.errors(of: Self.all, since: start) == 0)
    }

    /// Step 3: masters are added, and slots given to them; then a replica.
    private func spread(_ servers: [RedisServer], _ traffic: Traffic) async throws {
        let start = ContinuousClock.now
        let masters = servers.prefix(3)
        for known in 2...3 {
            try await run("add-node host\(known)", on: servers)
            try await know(servers.prefix(known))
        }
        try await run("rebalance", on: servers)
        print("spread after \(ContinuousClock.now - start):", traffic.summary(of: Self.all, since: start))
        #expect(traffic.errors(of: Self.all, since: start) == 0)
        for master in masters {
            let keys = try await master.command("DBSIZE").int
            #expect(keys ?? 0 > 0, "\(master.address) has no keys")
        }
        try await run("add-node host4", on: servers)
        try await know(servers[...])
        try await eventually(else: "the replica is none") {
            try await servers[3].info("role") == "slave"
        }
    }

    private func know(_ nodes: ArraySlice<RedisServer>) async throws {
        for node in nodes {
            try await eventually(else: "\(node.address) does not know all") {
                let info = try await node.command("CLUSTER", "INFO").string ?? ""
                return info.contains("cluster_known_nodes:\(nodes.count)") && info.contains("cluster_state:ok")
            }
        }
    }

    /// Runs the documented line with this text on these servers, which it calls host1, host2 and so on.
    @discardableResult
    private func run(_ text: String, on servers: [RedisServer]) async throws -> String {
        let blocks = try DocumentationPage.named("RedisDeployments").blocks
        let found = blocks.filter { $0.text.contains("host1") }.flatMap(\.lines).first { $0.contains(text) }
        var line = try #require(found, "RedisDeployments.md does not say \(text)")
        for (number, server) in servers.enumerated() {
            line.replace("-h host\(number + 1)", with: "-h \(server.host) -p \(server.port)")
            line.replace("host\(number + 1):6379", with: server.address)
        }
        let folder = try temporaryFolder("steps")
        defer { removeFolder(folder) }
        let child = try ChildProcess(["sh", "-c", line], folder: folder, log: "output")
        try await eventually(timeout: .seconds(120), else: "\(line) does not end") { !child.isRunning }
        try #require(child.exitStatus == 0, "\(line): \(child.logEnd)")
        return child.log
    }
}
