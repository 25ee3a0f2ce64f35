import Foundation
import Support
import Testing

/// Measures what is lost in which failure, for the table of RedisDeployments.md: `Scripts/bench failover`. Not a test: it holds nothing.
@Suite(
    "What is lost when", .serialized, .timeLimit(.minutes(10)),
    .enabled(if: ProcessInfo.processInfo.environment["PRESENCE_FAULT_FIGURES"] != nil))
struct LossFigures {
    private func report(_ what: String, _ history: FailoverHistory) {
        print("figure: \(what): \(history.lost.count) of \(history.acknowledged.count) acknowledged changes lost")
    }

    /// Runs the traffic, without a pause, until the body ends.
    private func traffic(
        on workers: [PresenceProcess], for duration: Duration = .seconds(5),
        _ body: (FailoverTraffic) async throws -> Void
    ) async throws -> FailoverTraffic {
        let traffic = FailoverTraffic(on: workers, pause: .zero)
        try await traffic.running {
            try await traffic.lasts(duration)
            try await body(traffic)
        }
        return traffic
    }

    @Test("One Redis, killed", arguments: ["everysec", "no append-only file"])
    func single(_ persistence: String) async throws {
        let hasFile = persistence == "everysec"
        let arguments = hasFile ? ["--appendonly", "yes", "--appendfsync", "everysec"] : ["--appendonly", "no"]
        try await Deployment.with(redis: arguments, FailoverDeployment.settings) { deployment in
            var history = try await traffic(on: deployment.workers) { _ in
                try await deployment.redis.kill()
            }.history
            try await deployment.redis.start()
            try await eventually(else: "Redis is loading") { (try? await deployment.redis.info("loading")) == "0" }
            history.kept = try await deployment.redis.changes()
            report("one Redis, \(persistence), kill -9 and a new start", history)
        }
    }

    @Test("A master with a replica, killed", arguments: 1...5)
    func killed(_ round: Int) async throws {
        try await FailoverDeployment.with { deployment in
            let master = deployment.set.servers[0]
            var history = try await traffic(on: deployment.workers) { _ in try await master.kill() }.history
            history.kept = try await deployment.isReplaced(master).changes()
            report("sentinels, kill -9 of the master (\(round))", history)
        }
    }

    @Test("A replica that is cut off, then promoted", arguments: [nil, 1, 10])
    func cutOff(_ lagMax: Int?) async throws {
        let arguments = lagMax.map { ["--min-replicas-to-write", "1", "--min-replicas-max-lag", "\($0)"] } ?? []
        try await FailoverDeployment.with(failoverTimeoutMs: 60_000, arguments) { deployment in
            let (master, replica) = (deployment.set.servers[0], deployment.set.servers[1])
            try await FaultProxy.withProxy(to: master.port) { link in
                try await replica.follow(link)
                var history = try await traffic(on: deployment.workers) { traffic in
                    link.stall()
                    try await traffic.lasts(.seconds(15))
                    try await master.kill()
                }.history
                history.kept = try await deployment.isReplaced(master).changes()
                let setting = lagMax.map { "min-replicas-max-lag \($0)" } ?? "no min-replicas-to-write"
                report("sentinels, replica cut off for 15 s and promoted, \(setting)", history)
                print("figure: acknowledged until \(history.lastLostAfterFirst) after the first that is lost")
            }
        }
    }

    @Test("No replica", arguments: [true, false])
    func noReplica(hasFile: Bool) async throws {
        try await FailoverDeployment.with(replicas: 0, ["--appendonly", hasFile ? "yes" : "no"]) { deployment in
            let master = deployment.set.servers[0]
            let traffic = FailoverTraffic(on: deployment.workers, pause: .zero)
            try await traffic.running {
                try await traffic.lasts(.seconds(5))
                try await master.kill()
                try await traffic.lasts(.seconds(5), acceptsNothing: true)
            }
            try await master.start()
            try await eventually(else: "Redis is loading") { (try? await master.info("loading")) == "0" }
            var history = traffic.history
            history.kept = try await master.changes()
            report("sentinels without a replica, \(hasFile ? "append-only file" : "no append-only file")", history)
        }
    }

    @Test("A master without an append-only file that is back before anybody noticed")
    func emptyMaster() async throws {
        try await FailoverDeployment.with(["--appendonly", "no"]) { deployment in
            let (master, replica) = (deployment.set.servers[0], deployment.set.servers[1])
            var history = try await traffic(on: deployment.workers) { _ in
                try await master.kill()
                try await master.start()
            }.history
            try await eventually(else: "the replica does not follow") {
                try await replica.info("master_link_status") == "up"
            }
            history.kept = try await replica.changes()
            report("sentinels, master without append-only file restarted within down-after", history)
        }
    }

    /// The sentinels take a master for dead that one worker still writes to, and cannot be asked by it.
    @Test("Split brain", arguments: [false, true])
    func splitBrain(needsReplica: Bool) async throws {
        let arguments = needsReplica ? ["--min-replicas-to-write", "1", "--min-replicas-max-lag", "1"] : []
        try await RedisSentinels.withSentinels(replicas: 2, arguments: arguments) { set in
            try await withFrontOfSentinels(set) { url, fronts in
                try await Deployment.withWorkers(1, on: set.serviceURL, FailoverDeployment.settings) { near, _, _ in
                    try await Deployment.withWorkers(1, on: url, FailoverDeployment.settings) { apart, _, _ in
                        try await self.split(set, fronts, near[0], apart[0], needsReplica)
                    }
                }
            }
        }
    }

    private func split(
        _ set: RedisSentinels, _ fronts: [FaultProxy], _ near: PresenceProcess, _ apart: PresenceProcess,
        _ needsReplica: Bool
    ) async throws {
        let master = set.servers[0]
        let (nearTraffic, apartTraffic) = (FailoverTraffic(on: [near]), FailoverTraffic(on: [apart], names: "apart"))
        try await nearTraffic.running {
            try await apartTraffic.running {
                try await nearTraffic.lasts(.seconds(5))
                for front in fronts { front.stall() }
                // To the sentinels it is dead; replicas and workers reach it.
                try await master.command("ACL", "SETUSER", "default", "-ping", "-info")
                try await apartTraffic.lasts(.seconds(20), acceptsNothing: needsReplica)
            }
        }
        let kept = try await FailoverDeployment.replaced(master, in: set).changes()
        let setting = needsReplica ? "min-replicas-to-write 1" : "no min-replicas-to-write"
        for (name, traffic) in [
            ("reaches the sentinels", nearTraffic), ("is cut off with the old master", apartTraffic),
        ] {
            var history = traffic.history
            history.kept = kept
            report("split brain of 20 s, \(setting), worker that \(name)", history)
            print("figure: acknowledged until \(history.lastLostAfterFirst) after the first that is lost")
        }
        try await master.command("ACL", "SETUSER", "default", "+@all")
    }

    /// Gives the body a URL that leads to the sentinels over proxies.
    private func withFrontOfSentinels(
        _ set: RedisSentinels, _ body: (String, [FaultProxy]) async throws -> Void
    ) async throws {
        try await FaultProxy.withProxy(to: set.sentinels[0].port) { first in
            try await FaultProxy.withProxy(to: set.sentinels[1].port) { second in
                try await FaultProxy.withProxy(to: set.sentinels[2].port) { third in
                    let fronts = [first, second, third]
                    let addresses = fronts.map { "127.0.0.1:\($0.port)" }.joined(separator: ",")
                    let login = RedisServer.serviceCredentials
                    try await body("redis+sentinel://\(login)\(addresses)/\(RedisSentinels.masterName)", fronts)
                }
            }
        }
    }
}

extension FailoverTraffic {
    /// Waits so long, in which logins must be accepted, unless nothing is expected to be.
    func lasts(_ duration: Duration, acceptsNothing: Bool = false) async throws {
        let start = ContinuousClock.now
        if !acceptsNothing { try await isAccepted(since: start) }
        try await eventually(timeout: duration + .seconds(5), else: "the clock stands still") {
            ContinuousClock.now - start > duration
        }
    }
}

extension FailoverHistory {
    /// For how long clients were told of changes that are lost.
    fileprivate var lastLostAfterFirst: Duration {
        let lost = lost.map(\.at)
        guard let first = lost.min(), let last = lost.max() else { return .zero }
        return last - first
    }
}
