import PresenceStore
import RedisClient
import Support
import Testing

/// A Redis Cluster, two workers on it with the documented Redis user, their backend and receiver, and clients with sockets.
struct ClusterDeployment: Sendable {
    static let shards = 16
    static let keys = KeySpace(prefix: "presence", shards: shards)
    static let sockets = 48

    let cluster: RedisCluster
    let workers: [PresenceProcess]
    let backend: Backend
    let receiver: CallbackReceiver

    /// Runs the body beside a deployment.
    static func with(
        masters: Int = 3, replicasEach: Int = 0, _ settings: [String: String] = [:],
        body: (ClusterDeployment) async throws -> Void
    ) async throws {
        let arguments = ["--notify-keyspace-events", "Kxt", "--appendonly", "yes"]
        try await RedisCluster.withCluster(
            masters: masters, replicasEach: replicasEach, arguments: arguments
        ) { cluster in
            try await Deployment.withWorkers(2, on: cluster.serviceURL, settings) { workers, backend, receiver in
                try await body(
                    ClusterDeployment(cluster: cluster, workers: workers, backend: backend, receiver: receiver))
            }
        }
    }

    /// Runs the body beside traffic and sockets, and checks at the end that nothing was lost, doubled or told in another
    /// order, and that no socket has noticed anything.
    func underLoad(_ traffic: Traffic, sockets count: Int = sockets, body: () async throws -> Void) async throws {
        try await SimulatedClients.with(count, "Web=1", to: workers.map(\.socketURL)) { clients in
            try await clients.areConnected(count)
            try await traffic.running {
                try await traffic.goesOn(in: Set(0..<Self.shards))
                try await body()
                try await traffic.goesOn(in: Set(0..<Self.shards))
            }
            try await clients.areConnected(count)
            let told = receiver.events.filter { $0.user.hasPrefix("sim-") }.map(\.change)
            #expect(told == Array(repeating: "Login/Register", count: count))
        }
        try await traffic.check(receiver)
    }

    /// The shards the master has.
    func shards(of node: RedisServer) async throws -> Set<Shard> {
        let slots = try await cluster.slots(of: node)
        return Set((0..<Self.shards).filter { shard in slots.contains { $0.contains(Self.slot(of: shard)) } })
    }

    static func slot(of shard: Shard) -> Int { HashSlot.of(keys.owner(shard)) }

    static func others(than shards: Set<Shard>) -> Set<Shard> { Set(0..<Self.shards).subtracting(shards) }
}
