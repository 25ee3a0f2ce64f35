import PresenceStore
import RedisClient
import Support
import Testing

/// What workers tell each other, and what Redis tells them unasked, in a cluster.
@Suite("Hints in a cluster")
struct ClusterHintTests {
    /// Nobody heartbeats here: a kick is heard of by a notice only.
    private static let settings = ["heartbeat.browser-timeout-ms": "400000", "connect.keepalive-ms": "0"]

    @Test(
        "Kicks reach the sockets of another worker and every master wakes its shards, also after slots moved and a failover"
    )
    func hints() async throws {
        try await ClusterDeployment.with(replicasEach: 1, Self.settings) { deployment in
            let cluster = deployment.cluster
            try await deployment.kicksAreHeard("before")
            try await deployment.everyMasterIsHeard()

            for (index, shard) in [0, 1, 2].enumerated() {
                let slot = ClusterDeployment.slot(of: shard)
                let owner = try await cluster.owner(ofSlot: slot)
                let other = try #require(cluster.nodes[..<3].filter { $0 !== owner }.dropFirst(index % 2).first)
                try await cluster.move(slot: slot, to: other)
            }
            for slot in try await deployment.slotsOfNotices() {
                let owner = try await cluster.owner(ofSlot: slot)
                let other = try #require(cluster.nodes[..<3].first { $0 !== owner })
                try await cluster.move(slot: slot, to: other)
            }
            try await deployment.kicksAreHeard("moved", mayMissNotices: true)
            try await deployment.everyMasterIsHeard()
            try await deployment.kicksAreHeard("settled")

            let slot = try #require(await deployment.slotsOfNotices().first)
            try await cluster.owner(ofSlot: slot).kill()
            try await deployment.kicksAreHeard("failed-over", mayMissNotices: true)
            try await deployment.everyMasterIsHeard()
            try await deployment.kicksAreHeard("at-last")
        }
    }
}

extension ClusterDeployment {
    /// Connects 20 clients to one worker and kicks each of them through the other.
    fileprivate func kicksAreHeard(_ name: String, mayMissNotices: Bool = false) async throws {
        try await withThrowingDiscardingTaskGroup { group in
            for number in 0..<20 {
                let user = "\(name)-\(number)"
                group.addTask {
                    try await eventually(timeout: .seconds(60), else: "\(user) cannot connect") {
                        try await RawWebSocket.with(
                            port: self.workers[1].port, "/v1/connect?user=\(user)&platform=Web"
                        ) { socket in
                            // While a master fails over a client is put off.
                            guard try await socket.message()["type"].string == "welcome" else { return false }
                            try await self.isKicked(user, socket, mayMissNotices)
                            return true
                        }
                    }
                }
            }
        }
    }

    private func isKicked(_ user: String, _ socket: RawWebSocket, _ mayMissNotices: Bool) async throws {
        try await eventually(timeout: .seconds(60), else: "\(user) cannot be kicked") {
            try await Backend(workers[0]).kick(user).status == 200
        }
        // Where the notice was lost with a master the session is looked for once another one is listened to.
        let frame = try #require(try await socket.next(), "\(user) is cut off")
        let word = try? JSON(parsing: String(decoding: frame.payload, as: UTF8.self))
        let isTold = word?["type"].string == "kicked" && word?["by"].string == "operator"
        #expect(isTold || mayMissNotices && frame.closeCode == 4100, "\(user): \(frame)")
    }

    /// The slots of the channels workers hear notices on.
    fileprivate func slotsOfNotices() async throws -> Set<Int> {
        var slots: Set<Int> = []
        for node in try await cluster.awakeNodes {
            for channel in try await node.command("PUBSUB", "SHARDCHANNELS").array ?? [] {
                slots.insert(HashSlot.of(channel.string ?? ""))
            }
        }
        return slots
    }

    /// Waits until the stream of every shard is listened to at the master that has it, and its alarm.
    fileprivate func everyMasterIsHeard() async throws {
        for shard in 0..<Self.shards {
            for key in [Self.keys.events(shard), Self.keys.alarm(shard)] {
                let channel = "__keyspace@0__:\(key)"
                try await eventually(else: "nobody listens to \(channel) where it is told") {
                    let owner = try await cluster.owner(ofSlot: Self.slot(of: shard))
                    let listeners = try? await owner.command("PUBSUB", "NUMSUB", channel).array?.last?.int
                    return listeners == 1
                }
            }
        }
    }
}
