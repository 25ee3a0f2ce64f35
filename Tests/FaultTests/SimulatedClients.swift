import Foundation
import PresenceStore
import Support
import Testing

/// `presence simulate`: real clients in a process of their own, which does not know that it is tested.
struct SimulatedClients: Sendable {
    private let child: ChildProcess

    /// Runs the body beside clients that connect to these workers in turn; their users are `<prefix>-0` and so on.
    /// - Parameter network: where they run, if not on this machine's.
    static func with<Result: Sendable>(
        _ users: Int, _ platforms: String = "Android=1", to urls: [String], prefix: String = "sim",
        in network: NetworkNamespace? = nil, _ more: [String] = [], body: (SimulatedClients) async throws -> Result
    ) async throws -> Result {
        let folder = try temporaryFolder("clients")
        defer { removeFolder(folder) }
        let words =
            [PresenceProcess.binary, "simulate", "--users", "\(users)", "--platform-mix", platforms]
            + ["--user-prefix", prefix] + urls.flatMap { ["--url", $0] } + more
        let child = try ChildProcess(network?.inside(words) ?? words, folder: folder, log: "log")
        do {
            let result = try await body(SimulatedClients(child: child))
            try await child.end(with: SIGKILL)
            return result
        } catch {
            try? await child.end(with: SIGKILL)
            throw error
        }
    }

    /// Waits until its latest line says so many clients are connected, and as many have gone on with their session.
    func areConnected(_ count: Int, resumed: Int = 0, timeout: Duration = .seconds(30)) async throws {
        let goal = "\(count) connected, \(resumed) resumed"
        try await eventually(timeout: timeout, else: "not \(goal): \(child.logEnd)") {
            let line = lastLine
            return line.contains(" \(count) of \(count) connected,") && line.contains(" resumed \(resumed),")
        }
    }

    /// Waits until its latest line says so many connections were lost.
    func haveLost(_ count: Int) async throws {
        try await eventually(else: "not \(count) disconnects: \(child.logEnd)") {
            lastLine.contains(" disconnects \(count),")
        }
    }

    /// How many connections were given up so far that had no welcome in time: what was recorded for such a one ends
    /// with it.
    var givenUp: Int { lastLine.firstMatch(of: /no-welcome=(\d+)/).flatMap { Int($0.1) } ?? 0 }

    /// Ends all as a power cut would: only the kernel tells the service.
    func kill() async throws { try await child.end(with: SIGKILL) }

    private var lastLine: Substring {
        child.log.split(separator: "\n", omittingEmptySubsequences: false).dropLast().last ?? ""
    }
}

extension Deployment {
    /// Waits until all that simulated clients changed by now was heard: a login of each at least. On a machine that
    /// others use too a client may give up a connection before its welcome, and come again.
    /// - Returns: the events of theirs.
    @discardableResult
    func loginsAreHeard(of users: Int, backend: Backend? = nil) async throws -> Set<String> {
        try await everythingIsHeard(by: backend ?? self.backend)
        var events: [CallbackReceiver.Event] = []
        try await eventually(else: "heard of \(Set(events.map(\.user)).count) of \(users) users") {
            events = simulated
            return Set(events.map(\.user)).count >= users
        }
        return Set(events.map(\.id))
    }

    /// Sees that nothing was told of simulated clients since then, but of those that gave a connection up which this
    /// machine was too busy to welcome.
    /// - Parameters:
    ///   - givenUp: how often that happened since then.
    ///   - backend: workers that live.
    func nothingIsHeard(since heard: Set<String>, givenUp: Int = 0, backend: Backend? = nil) async throws {
        try await everythingIsHeard(by: backend ?? self.backend)
        let news = simulated.filter { !heard.contains($0.id) }
        let ended = news.filter { $0.change != "Login/Register" }
        #expect(Set(ended.map(\.user)).count <= givenUp, "\(ended.map { "\($0.user) \($0.change)" })")
        #expect(Set(news.map(\.user)).isSubset(of: ended.map(\.user)))
    }

    private var simulated: [CallbackReceiver.Event] { receiver.events.filter { $0.user.hasPrefix("sim-") } }

    /// Waits for what comes after all that has happened, in every shard.
    private func everythingIsHeard(by backend: Backend) async throws {
        let keys = KeySpace(prefix: "presence", shards: 16)
        let name = "last-\(Int.random(in: 0...Int.max))"
        let last = (0..<keys.shards).flatMap { Traffic.users(name, 1, in: $0, of: keys) }
        for user in last { _ = try await backend.session(user, "Android") }
        try await eventually(else: "not everything is heard") {
            Set(last).isSubset(of: receiver.events.map(\.user))
        }
    }
}
