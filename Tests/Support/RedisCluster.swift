import Foundation
import RedisClient
import Synchronization

/// A private Redis Cluster of real servers on loopback.
///
/// A master without replicas that dies takes its own slots out of service only (`cluster-require-full-coverage no`).
package final class RedisCluster: Sendable {
    struct Member: Sendable {
        let id: String
        let server: RedisServer
    }

    let setup: RedisServerSetup
    private let members: Mutex<[Member]>

    /// The masters it began with, in the order of their slots, then their replicas, then what was added since.
    package var nodes: [RedisServer] { members.withLock { $0.map(\.server) } }
    package var url: String { url(as: "") }
    /// As the user the documentation gives the service.
    package var serviceURL: String { url(as: RedisServer.serviceCredentials) }

    private func url(as login: String) -> String {
        let scheme = setup.tls == nil ? "redis+cluster" : "rediss+cluster"
        return "\(scheme)://\(login)\(nodes.map(\.address).joined(separator: ","))"
    }

    private init(_ setup: RedisServerSetup) {
        self.setup = setup
        members = Mutex([])
    }

    /// Runs the body beside a cluster that serves every slot.
    /// - Parameters:
    ///   - nodeTimeoutMs: after which a silent node counts as failed; its replica takes over 1 to 2 s later.
    ///   - host: the address they listen on and announce; `::1` for IPv6.
    ///   - arguments: for every node, such as `["--appendonly", "yes"]`.
    package static func withCluster<Result: Sendable>(
        masters: Int = 3, replicasEach: Int = 0, nodeTimeoutMs: Int = 2_000, host: String = "127.0.0.1",
        tls: RedisServerTLS? = nil, arguments: [String] = [], body: (RedisCluster) async throws -> Result
    ) async throws -> Result {
        let defaults = [
            "--cluster-node-timeout", "\(nodeTimeoutMs)", "--cluster-require-full-coverage", "no",
            "--repl-diskless-sync-delay", "0",
        ]
        let cluster = RedisCluster(RedisServerSetup(host: host, arguments: defaults + arguments, tls: tls))
        do {
            try await cluster.form(masters: masters, replicasEach: replicasEach)
            let result = try await body(cluster)
            await cluster.end()
            return result
        } catch {
            await cluster.end()
            throw error
        }
    }

    private func end() async {
        await withDiscardingTaskGroup { group in
            for node in nodes { group.addTask { await node.remove() } }
        }
    }

    private func form(masters: Int, replicasEach: Int) async throws {
        try await withThrowingDiscardingTaskGroup { group in
            for _ in 0..<masters * (1 + replicasEach) { group.addTask { try await self.start() } }
        }
        let servers = nodes
        for (index, server) in servers.prefix(masters).enumerated() {
            let slots = index * Self.slots / masters..<(index + 1) * Self.slots / masters
            try await server.command("CLUSTER", "SET-CONFIG-EPOCH", "\(index + 1)")
            try await server.command("CLUSTER", "ADDSLOTSRANGE", "\(slots.lowerBound)", "\(slots.upperBound - 1)")
        }
        for server in servers.dropFirst() { try await introduce(server, to: servers[0]) }
        for (index, replica) in servers.dropFirst(masters).enumerated() {
            try await makeReplica(replica, of: servers[index / replicasEach])
        }
        try await settle()
    }

    /// Starts a node that knows of nobody.
    @discardableResult
    private func start() async throws -> RedisServer {
        let setup = setup
        let server = try await RedisServer.started {
            var setup = setup
            setup.busPort = try await FreePort.next()
            return setup
        }
        let id = try await server.command("CLUSTER", "MYID").string ?? ""
        members.withLock { $0.append(Member(id: id, server: server)) }
        return server
    }

    private func introduce(_ server: RedisServer, to other: RedisServer) async throws {
        try await other.command(
            "CLUSTER", "MEET", server.host, "\(server.port)", "\(server.setup.busPort ?? 0)")
    }

    private func makeReplica(_ server: RedisServer, of master: RedisServer) async throws {
        let id = id(of: master)
        try await eventually(else: "the node on port \(server.port) does not hear of its master") {
            try await server.command("CLUSTER", "NODES").string?.contains(id) == true
        }
        try await server.command("CLUSTER", "REPLICATE", id)
    }

    func id(of node: RedisServer) -> String {
        members.withLock { $0.first { $0.server === node }?.id ?? "" }
    }

    func node(withID id: String) -> RedisServer? {
        members.withLock { $0.first { $0.id == id }?.server }
    }

    package static let slots = 16_384
}

extension RedisCluster {
    /// Adds a node without slots, or a replica.
    @discardableResult
    package func add(replicaOf master: RedisServer? = nil) async throws -> RedisServer {
        let friend = try await awakeNodes[0]
        let server = try await start()
        try await introduce(server, to: friend)
        if let master { try await makeReplica(server, of: master) }
        try await settle()
        return server
    }

    /// Moves the slots of a node to the others, makes all forget it and ends it.
    package func remove(_ node: RedisServer) async throws {
        let id = id(of: node)
        if try await !slots(of: node).isEmpty { try await manage("rebalance", "--cluster-weight", "\(id)=0") }
        members.withLock { $0.removeAll { $0.server === node } }
        let master = try await owner(ofSlot: 0)
        for other in try await awakeNodes where try await isReplica(other, ofID: id) {
            try await makeReplica(other, of: master)
        }
        for other in try await awakeNodes { try await other.command("CLUSTER", "FORGET", id) }
        await node.remove()
        try await settle()
    }

    private func isReplica(_ node: RedisServer, ofID master: String) async throws -> Bool {
        let own = id(of: node)
        return try await view(of: node).nodes.contains { $0.id == own && $0.master == master }
    }

    /// Nodes that run and are not paused.
    package var awakeNodes: [RedisServer] {
        get async throws {
            var awake: [RedisServer] = []
            for node in nodes where await node.isAwake { awake.append(node) }
            guard !awake.isEmpty else { throw TimedOut(description: "no node of the cluster is awake") }
            return awake
        }
    }

    /// Waits until all nodes that are awake serve, see each other, agree about everybody, and replicas are up to date.
    package func settle(timeout: Duration = .seconds(30)) async throws {
        try await eventually(timeout: timeout, else: "the nodes of the cluster do not agree") {
            let awake = try await awakeNodes
            var views: Set<Set<ClusterView.Node>> = []
            for node in awake {
                guard try await node.command("CLUSTER", "INFO").string?.contains("cluster_state:ok") == true,
                    try await node.info("master_link_status") != "down"
                else { return false }
                let view = try await view(of: node)
                guard awake.allSatisfy({ view.isReachable(id(of: $0)) }) else { return false }
                views.insert(Set(view.nodes))
            }
            return views.count == 1
        }
    }

    func view(of node: RedisServer) async throws -> ClusterView {
        ClusterView(try await node.command("CLUSTER", "NODES").string ?? "")
    }
}

/// What a node thinks of the cluster: CLUSTER NODES.
struct ClusterView {
    struct Node: Hashable {
        let id: String
        let master: String
        let hasFailed: Bool
        let slots: [ClosedRange<Int>]
    }

    let nodes: [Node]
    private let connected: Set<String>

    /// A line is `id address flags master ping pong epoch link slot ...`.
    init(_ text: String) {
        let lines = text.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
            .filter { $0.count >= 8 }
        nodes = lines.map { words in
            Node(
                id: words[0], master: words[3], hasFailed: words[2].contains("fail"),
                slots: words.dropFirst(8).compactMap(Self.range))
        }
        connected = Set(lines.filter { $0[7] == "connected" && !$0[2].contains("handshake") }.map { $0[0] })
    }

    func isReachable(_ id: String) -> Bool {
        connected.contains(id) && nodes.contains { $0.id == id && !$0.hasFailed }
    }

    /// `0-5460` or `7`; `[7->-id]`, a slot on the move, is none.
    private static func range(_ word: String) -> ClosedRange<Int>? {
        let ends = word.split(separator: "-").map { Int($0) }
        guard let first = ends.first ?? nil, let last = ends.last ?? nil else { return nil }
        return first...last
    }
}
