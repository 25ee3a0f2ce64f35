import Foundation
import Support
import Testing

/// A master that sentinels watch, two workers on it with the documented Redis user, their backend and receiver.
struct FailoverDeployment: Sendable {
    /// The pause that counts as an outage stays below the timeout minus the interval, as in the defaults; a failover
    /// is shorter.
    static let settings = [
        "heartbeat.mobile-timeout-ms": "\(FailoverHistory.timeoutMs)",
        "heartbeat.desktop-timeout-ms": "\(FailoverHistory.timeoutMs)",
        "heartbeat.browser-timeout-ms": "\(FailoverHistory.timeoutMs)", "outage.gap-ms": "8000",
        "login.policy": "multi", "events.retention-ms": "3600000",
    ]

    let set: RedisSentinels
    let workers: [PresenceProcess]
    let backend: Backend
    let receiver: CallbackReceiver

    /// Runs the body beside a deployment.
    /// - Parameters:
    ///   - failoverTimeoutMs: for so long, too, sentinels leave a replica alone that follows what is not the master.
    ///   - mayConfigure: the workers may use CONFIG, and find notifications switched off.
    ///   - arguments: for every server.
    static func with(
        replicas: Int = 1, failoverTimeoutMs: Int = 3_000, mayConfigure: Bool = false, _ arguments: [String] = [],
        body: (FailoverDeployment) async throws -> Void
    ) async throws {
        // The documentation's user may not switch them on itself.
        let flags = mayConfigure ? [] : ["--notify-keyspace-events", "Kxt"]
        // A master that is back is not empty: replicas would copy that.
        let file = arguments.contains("--appendonly") ? [] : ["--appendonly", "yes"]
        let arguments = flags + file + arguments
        try await RedisSentinels.withSentinels(
            replicas: replicas, failoverTimeoutMs: failoverTimeoutMs, arguments: arguments
        ) { set in
            let url = mayConfigure ? set.url : set.serviceURL
            try await Deployment.withWorkers(2, on: url, settings) { workers, backend, receiver in
                try await body(
                    FailoverDeployment(set: set, workers: workers, backend: backend, receiver: receiver))
            }
        }
    }

    /// Runs the body beside traffic and sockets, then holds what was promised against what is there.
    /// - Parameter sockets: clients connected all the while.
    func underLoad(
        _ traffic: FailoverTraffic, sockets count: Int = 60,
        body: () async throws -> [Set<String>]
    ) async throws -> FailoverHistory {
        var history = FailoverHistory()
        try await SimulatedClients.with(count, to: workers.map(\.socketURL)) { clients in
            try await clients.areConnected(count)
            var promotedWith: [Set<String>] = []
            try await traffic.running {
                promotedWith = try await body()
                try await traffic.allAreOnline()
            }
            let users = (0..<count).map { "sim-\($0)" }
            try await eventually(else: "clients with sockets are not Online") {
                try await backend.statuses(users).body["results"].list.allSatisfy { $0["status"].string == "Online" }
            }
            history = traffic.history
            history.promotedWith = promotedWith
            history.kept = try await set.currentMaster().changes()
            let ids = Set(history.kept.map(\.id))
            // What is not told by then is found below.
            try? await eventually(timeout: .seconds(20), else: "") { ids.isSubset(of: receiver.events.map(\.id)) }
            history.heard = receiver.events
        }
        let faults = history.faults
        #expect(faults.isEmpty, "\(faults.count): \(faults.prefix(20).joined(separator: "\n"))")
        return history
    }

    /// Waits until both workers have said so of their notifications after so many bytes of their logs.
    func notifications(are word: String, since marks: [Int]) async throws {
        for (worker, mark) in zip(workers, marks) {
            try await eventually(else: "notifications_ok=\(word) is not told") {
                String(decoding: worker.log.utf8.dropFirst(mark), as: UTF8.self).contains("notifications_ok=\(word)")
            }
        }
    }

    /// Waits until another server than this one is the master.
    func isReplaced(_ former: RedisServer) async throws -> RedisServer { try await Self.replaced(former, in: set) }

    static func replaced(_ former: RedisServer, in set: RedisSentinels) async throws -> RedisServer {
        var master = former
        try await eventually(else: "nobody took over") {
            for server in set.servers where server !== former {
                // Sentinels end the connections of a server they give another role.
                if await server.isAwake, (try? await server.info("role")) == "master" { master = server }
            }
            return master !== former
        }
        return master
    }

    /// Waits until a sentinel tells of another master than this one.
    /// - Returns: when it did.
    func isToldOfAnother(than former: RedisServer) async throws -> ContinuousClock.Instant {
        try await eventually(timeout: .seconds(60), else: "the sentinels do not replace the master") {
            for sentinel in set.sentinels {
                if let master = try? await set.currentMaster(askedOf: sentinel), master !== former { return true }
            }
            return false
        }
        return .now
    }

    /// How often a sentinel has seen the master replaced.
    func switches() throws -> Int {
        let log = try String(contentsOfFile: "\(set.sentinels[0].folder)/log", encoding: .utf8)
        return log.split(separator: "+switch-master").count - 1
    }

    /// Where the logs end.
    var logEnds: [Int] { workers.map(\.log.utf8.count) }
}
