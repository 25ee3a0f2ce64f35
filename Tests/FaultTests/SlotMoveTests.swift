import PresenceStore
import RedisClient
import Support
import Testing

/// Slots go from one master to another while the service is in use.
@Suite("Slots on the move under load")
struct SlotMoveTests {
    /// A timeout that ends during the longest move, and a grace long enough for a busy machine.
    private static let settings = ["heartbeat.browser-interval-ms": "2000", "heartbeat.browser-timeout-ms": "6000"]
    private static let shard = 3

    private struct Late {
        let user: String
        let session: String
        var lease: String { "\(ClusterDeployment.keys.owner(shard).dropLast(5))lease:\(user):\(session)" }
    }

    @Test(
        "Key by key, longer than outage.gap: heartbeats and queries of its shard go on, changes are put off, grace follows; the other shards notice nothing"
    )
    func keyByKey() async throws {
        try await ClusterDeployment.with(Self.settings) { deployment in
            let backend = deployment.backend
            let traffic = Traffic(on: backend)
            let names = Traffic.users("late", 2, in: Self.shard, of: ClusterDeployment.keys)
            try await deployment.underLoad(traffic) {
                let late = Late(user: names[0], session: try await backend.session(names[0], "Web"))
                let start = ContinuousClock.now
                let move = try await self.moved(deployment, traffic, late, newcomer: names[1])

                #expect(traffic.errors(of: [Self.shard], [.heartbeat, .query], since: start) == 0)
                let others = ClusterDeployment.others(than: [Self.shard])
                print("moved for \(ContinuousClock.now - start)", traffic.summary(of: [Self.shard], since: start))
                print("others:", traffic.summary(of: others, since: start))
                #expect(traffic.errors(of: others, since: start) == 0)

                try await eventually(else: "no grace after a long move") {
                    try await move.destination.command("EXISTS", ClusterDeployment.keys.grace(Self.shard)).int == 1
                }
                #expect(try await backend.status(late.user) == "Online")
                #expect(try await backend.heartbeat([(late.user, late.session)]).body["renewed"].int == 1)
                #expect(try await backend.logout(late.user, late.session).body["superseded"].bool == false)
                #expect(try await backend.login(names[1], "Web").status == 201)
                #expect(try await backend.kick(names[1]).status == 200)
            }
            try await eventually(else: "\(deployment.receiver.changes(of: names[0]))") {
                deployment.receiver.changes(of: names[0]) == ["Login/Register", "Logout/Unregister"]
            }
        }
    }

    /// Moves the shard's slot, until the lease of somebody who is silent has ended.
    private func moved(
        _ deployment: ClusterDeployment, _ traffic: Traffic, _ late: Late, newcomer: String
    ) async throws -> SlotMove {
        let (cluster, backend, shards) = (deployment.cluster, deployment.backend, Set([Self.shard]))
        let slot = ClusterDeployment.slot(of: Self.shard)
        let source = try await cluster.owner(ofSlot: slot)
        let destination = try #require(cluster.nodes.first { $0 !== source })
        let move = try await cluster.beginMove(slot: slot, to: destination)
        let login = try await backend.login(newcomer, "Web")
        #expect(login.isPutOff, "\(login.status) \(login.text)")

        var isLeft = true
        try await eventually(timeout: .seconds(60), else: "the lease does not end") {
            if isLeft { isLeft = try await move.moveKeys(1) > 0 }
            try await traffic.goesOn(2, [.heartbeat, .query], in: shards)
            let places = [try await move.isAtSource(late.lease), try await move.isAtDestination(late.lease)]
            return places == [false, false]
        }
        // It would be for a script to bring the session back.
        let beat = try await backend.heartbeat([(late.user, late.session)])
        #expect(beat.isPutOff, "\(beat.status) \(beat.text)")
        try await move.finish()
        return move
    }

    @Test("A reshard of 4000 slots, a node added and one removed: every call is answered")
    func reshard() async throws {
        try await ClusterDeployment.with(Self.settings) { deployment in
            let (cluster, traffic) = (deployment.cluster, Traffic(on: deployment.backend))
            let all = Set(0..<ClusterDeployment.shards)
            try await deployment.underLoad(traffic) {
                let start = ContinuousClock.now
                try await cluster.reshard(4_000, from: cluster.nodes[0], to: cluster.nodes[1])
                print("reshard took \(ContinuousClock.now - start)", traffic.summary(of: all, since: start))

                let added = try await cluster.add()
                for shard in 0..<4 { try await cluster.move(slot: ClusterDeployment.slot(of: shard), to: added) }
                try await traffic.goesOn(in: all)
                let removal = ContinuousClock.now
                try await cluster.remove(added)
                print("removal took \(ContinuousClock.now - removal)", traffic.summary(of: all, since: removal))
                #expect(traffic.errors(of: all, since: start) == 0)
            }
        }
    }
}

extension SlotMove {
    /// An ASK instead of an answer says that it is not.
    fileprivate func isAtSource(_ key: String) async throws -> Bool {
        try await source.commands(["EXISTS", key])[0].int == 1
    }

    fileprivate func isAtDestination(_ key: String) async throws -> Bool {
        try await destination.commands(["ASKING"], ["EXISTS", key])[1].int == 1
    }
}
