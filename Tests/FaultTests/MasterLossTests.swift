import Foundation
import PresenceStore
import RedisClient
import Support
import Testing

/// Masters of a cluster die or stand still while the service is in use: what is theirs pauses, all else goes on.
@Suite("Loss of a master under load")
struct MasterLossTests {
    @Test("kill -9 of a master with a replica, then of one without, which comes back: the other shards notice nothing")
    func killed() async throws {
        // More than five seconds of grace, and a timeout above what a failover takes.
        let settings = ["heartbeat.browser-interval-ms": "4000", "heartbeat.browser-timeout-ms": "10000"]
        try await ClusterDeployment.with(settings) { deployment in
            let cluster = deployment.cluster
            let (first, second) = (cluster.nodes[0], cluster.nodes[1])
            try await cluster.add(replicaOf: first)
            let (ofFirst, ofSecond) = (try await deployment.shards(of: first), try await deployment.shards(of: second))
            let traffic = Traffic(on: deployment.backend)
            try await deployment.underLoad(traffic) {
                let failover = ContinuousClock.now
                try await first.kill()
                try await traffic.goesOn(in: ofFirst)
                try await self.tell("failover", traffic, ofFirst, since: failover)

                let loss = ContinuousClock.now
                try await second.kill()
                try await deployment.isRefused(ofSecond)
                try await eventually(else: "not longer than outage.gap") {
                    ContinuousClock.now - loss > .seconds(5)
                }
                try await deployment.othersAreAnswered(ofSecond, traffic)
                try await second.start()
                try await traffic.goesOn(in: ofSecond)
                try await self.tell("kill and start", traffic, ofSecond, since: loss)
            }
        }
    }

    /// So long that sessions would have ended. PRESENCE_FAULT_STOP_SECONDS=60 makes it a minute, under the timeouts of
    /// the real world.
    @Test("A master stopped with SIGSTOP and continued: nobody who heartbeats goes Offline for it")
    func stopped() async throws {
        let seconds = ProcessInfo.processInfo.environment["PRESENCE_FAULT_STOP_SECONDS"].flatMap { Int($0) }
        let short = ["heartbeat.browser-interval-ms": "6000", "heartbeat.browser-timeout-ms": "12000"]
        var real = ["outage.gap-ms": "15000"]
        for (kind, interval, timeout) in [("mobile", 120, 400), ("desktop", 120, 400), ("browser", 25, 60)] {
            real["heartbeat.\(kind)-interval-ms"] = "\(interval)000"
            real["heartbeat.\(kind)-timeout-ms"] = "\(timeout)000"
        }
        try await ClusterDeployment.with(seconds == nil ? short : real) { deployment in
            let master = deployment.cluster.nodes[2]
            let shards = try await deployment.shards(of: master)
            let traffic = Traffic(on: deployment.backend, silence: .seconds(150))
            try await deployment.underLoad(traffic) {
                let start = ContinuousClock.now
                await master.pause()
                try await deployment.isRefused(shards)
                try await eventually(timeout: .seconds(300), else: "the clock stands still") {
                    ContinuousClock.now - start > .seconds(seconds ?? 13)
                }
                try await deployment.othersAreAnswered(shards, traffic)
                await master.resume()
                try await traffic.goesOn(in: shards)
                try await self.tell("stopped for \(seconds ?? 13) s", traffic, shards, since: start)
            }
        }
    }

    private func tell(
        _ what: String, _ traffic: Traffic, _ shards: Set<Shard>, since start: ContinuousClock.Instant
    ) async throws {
        let others = ClusterDeployment.others(than: shards)
        print(
            "\(what), answered again after \(ContinuousClock.now - start):", traffic.summary(of: shards, since: start))
        print("others:", traffic.summary(of: others, since: start))
        #expect(traffic.errors(of: others, since: start) == 0)
    }
}

extension ClusterDeployment {
    /// Waits until a query of a user of one of the shards, and a heartbeat, are refused; never answered wrongly.
    fileprivate func isRefused(_ shards: Set<Shard>) async throws {
        let user = try #require(shards.first.flatMap { Traffic.users("nobody", 1, in: $0, of: Self.keys).first })
        try await eventually(else: "\(user) is served") {
            let query = try await backend.statuses([user])
            let beat = try await backend.heartbeat([(user, "Web:default:aaaaaaaa")])
            return query.isPutOff && beat.isPutOff
        }
    }

    /// A query for users of all shards answers those that can be asked, and names the others.
    fileprivate func othersAreAnswered(_ lost: Set<Shard>, _ traffic: Traffic) async throws {
        let users = (0..<Self.shards).map { ($0, Traffic.users("nobody", 1, in: $0, of: Self.keys)[0]) }
        let answer = try await backend.statuses(users.map(\.1))
        #expect(answer.status == 200)
        #expect(answer.body["results"].list.map { $0["user"].string } == users.filter { !lost.contains($0.0) }.map(\.1))
        #expect(answer.body["errors"].list.map { $0["user"].string } == users.filter { lost.contains($0.0) }.map(\.1))
    }
}
