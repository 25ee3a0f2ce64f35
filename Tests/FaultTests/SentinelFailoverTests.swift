import Foundation
import RedisClient
import Support
import Testing

/// How often the master is killed. PRESENCE_FAULT_ROUNDS asks for more, each of which takes about 10 s.
private let rounds = ProcessInfo.processInfo.environment["PRESENCE_FAULT_ROUNDS"].flatMap { Int($0) } ?? 2

@Suite("A master that fails, and sentinels that put a replica in its place", .timeLimit(.minutes(10)))
struct SentinelFailoverTests {
    @Test(
        "kill -9 of the master, again and again: writes go on with the next, nothing the replica had is lost"
    )
    func killed() async throws {
        try await FailoverDeployment.with { deployment in
            let traffic = FailoverTraffic(on: deployment.workers)
            let history = try await deployment.underLoad(traffic) {
                var promotedWith: [Set<String>] = []
                for round in 1...rounds {
                    try await traffic.isAccepted(since: .now)
                    try await traffic.allAreOnline()
                    promotedWith.append(try await kill(in: deployment, traffic, round))
                }
                // On a machine so busy that sentinels take a living master for dead too, what a replica had is lost
                // with the next that takes its place.
                let switches = try deployment.switches()
                if switches != rounds { print("figure: \(switches) failovers for \(rounds) kills") }
                return switches == rounds ? promotedWith : []
            }
            print("figure: kill -9 of the master, \(rounds) times: \(history.losses)")
        }
    }

    /// - Returns: the changes the replica had.
    private func kill(
        in deployment: FailoverDeployment, _ traffic: FailoverTraffic, _ round: Int
    ) async throws -> Set<String> {
        let master = try await deployment.set.currentMaster()
        let replica = try #require(deployment.set.servers.first { $0 !== master })
        let marks = deployment.logEnds
        let killed = ContinuousClock.now
        try await master.kill()
        async let switching = deployment.isToldOfAnother(than: master)
        try await eventually(else: "the replica waits for its master") {
            (try? await replica.info("master_link_status")) != "up"
        }
        let passedOn = Set(try await replica.changes().map(\.id))
        let accepted = try await traffic.isAccepted(since: killed)
        let told = try await switching
        // Sentinels that cannot agree on who leads the failover try again after 6 s.
        #expect(accepted - told < .seconds(4))
        try await deployment.notifications(are: "true", since: marks)
        let heard = ContinuousClock.now
        print(
            "figure: kill -9 of the master, round \(round): the sentinels told of another after \(told - killed),",
            "both workers wrote after \(accepted - killed) and heard notifications after \(heard - killed)")
        // It begins as a master, and is told better by the sentinels after a while.
        try await master.start()
        try await deployment.set.settle()
        return passedOn
    }

    @Test("SIGSTOP of the master for 30 s: after the switch nobody reads what the former master still says")
    func stopped() async throws {
        let arguments = ["--min-replicas-to-write", "1", "--min-replicas-max-lag", "1"]
        try await FailoverDeployment.with(replicas: 2, arguments) { deployment in
            let traffic = FailoverTraffic(on: deployment.workers)
            let witnesses = (0..<20).map { "restless-witness-\($0)" }
            let history = try await deployment.underLoad(traffic) {
                let master = try await deployment.set.currentMaster()
                var sessions: [String] = []
                for user in witnesses { sessions.append(try await deployment.backend.session(user, "Mac")) }
                try await traffic.allAreOnline()
                let stopped = ContinuousClock.now
                await master.pause()
                var had: [String: Set<String>] = [:]
                for replica in deployment.set.servers.dropFirst() {
                    had[replica.address] = Set(try await replica.changes().map(\.id))
                }
                let promoted = try await deployment.isReplaced(master)
                let accepted = try await traffic.isAccepted(since: stopped)
                print("figure: SIGSTOP of the master: both workers wrote after \(accepted - stopped)")
                #expect(accepted - stopped < .seconds(1 + 5))
                for (user, session) in zip(witnesses, sessions) {
                    #expect(try await deployment.backend.logout(user, session).status == 200)
                }
                try await nobodyIsOnline(witnesses, on: deployment, until: stopped + .seconds(30))
                await master.resume()
                // Until the sentinels have told it.
                try await eventually(timeout: .seconds(60), else: "the former master is never told") {
                    try await nobodyIsOnline(witnesses, on: deployment, until: .now)
                    return (try? await master.info("role")) == "slave"
                }
                try await deployment.set.settle()
                try await nobodyIsOnline(witnesses, on: deployment, until: .now)
                return [had[promoted.address] ?? []]
            }
            print("figure: SIGSTOP of the master for 30 s: \(history.losses)")
        }
    }

    /// Asks both workers, once and until the time has come.
    private func nobodyIsOnline(
        _ users: [String], on deployment: FailoverDeployment, until end: ContinuousClock.Instant
    ) async throws {
        try await eventually(timeout: .seconds(60), else: "the clock stands still") {
            for worker in deployment.workers {
                let answer = try await Backend(worker).statuses(users)
                let statuses = answer.body["results"].list.compactMap { $0["status"].string }
                #expect(answer.status == 503 || statuses == users.map { _ in "Offline" }, "\(answer.text)")
            }
            return ContinuousClock.now >= end
        }
    }

    @Test("A replica that was cut off is put in the master's place: who is lost hears gone, and the receiver sees gaps")
    func cutOff() async throws {
        try await FailoverDeployment.with(failoverTimeoutMs: 60_000) { deployment in
            let (master, replica) = (deployment.set.servers[0], deployment.set.servers[1])
            try await FaultProxy.withProxy(to: master.port) { link in
                try await replica.follow(link)
                let traffic = FailoverTraffic(on: deployment.workers)
                let history = try await deployment.underLoad(traffic) {
                    try await traffic.allAreOnline()
                    link.stall()
                    let before = traffic.acceptedCount
                    try await eventually(else: "no logins") {
                        traffic.acceptedCount > before + 50
                    }
                    let killed = ContinuousClock.now
                    try await master.kill()
                    let passedOn = Set(try await replica.changes().map(\.id))
                    try await traffic.isAccepted(since: killed)
                    try await traffic.allAreOnline()
                    return [passedOn]
                }
                print("figure: a replica that was cut off: \(history.losses)")
                #expect(history.lost.count >= 50)
                #expect(history.denials.contains { $0.what.contains("gone") })
                #expect(!history.heardAndLost.isEmpty)
            }
        }
    }

    @Test("All sentinels dead, then the master: the reason is told, and all is well when they are back")
    func noSentinels() async throws {
        try await FailoverDeployment.with(["--appendonly", "yes"]) { deployment in
            let traffic = FailoverTraffic(on: deployment.workers)
            _ = try await deployment.underLoad(traffic) {
                for sentinel in deployment.set.sentinels { try await sentinel.kill() }
                try await traffic.isAccepted(since: .now)
                let master = deployment.set.servers[0]
                try await master.kill()
                for worker in deployment.workers {
                    let backend = Backend(worker)
                    try await eventually(else: "the reason is not told") {
                        let answer = try await backend.statuses(["ann"])
                        return answer.status == 503 && answer.text.contains("Redis cannot be asked right now")
                            && worker.log.contains("No sentinel can be asked for the master")
                    }
                    #expect(worker.log.contains("Cannot learn where the Redis masters are"))
                }
                try await master.start()
                for sentinel in deployment.set.sentinels { try await sentinel.start() }
                try await traffic.isAccepted(since: .now)
                try await deployment.set.settle()
                return []
            }
        }
    }

    @Test("A replica that becomes the master is told to tell what happens to keys, at once")
    func notifications() async throws {
        try await FailoverDeployment.with(mayConfigure: true) { deployment in
            try await deployment.notifications(are: "true", since: [0, 0])
            let former = deployment.set.servers[0]
            let marks = deployment.logEnds
            try await former.kill()
            let master = try await deployment.isReplaced(former)
            // The next look that is due is 30 s away.
            try await deployment.notifications(are: "true", since: marks)
            let flags = try await master.command("CONFIG", "GET", "notify-keyspace-events").array?.last?.string ?? ""
            #expect(flags.contains("K") && flags.contains("x") && flags.contains("t"), "\(flags)")
        }
    }
}

extension RedisServer {
    /// Makes the replica follow its master over this way.
    nonisolated func follow(_ link: FaultProxy) async throws {
        try await command("REPLICAOF", "127.0.0.1", "\(link.port)")
        try await eventually(else: "the replica does not follow") { try await info("master_link_status") == "up" }
    }
}
