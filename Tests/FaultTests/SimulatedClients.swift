import Foundation
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
        try await eventually(timeout: timeout, else: "not \(goal): \(child.log.suffix(6000))") {
            let line = lastLine
            return line.contains(" \(count) of \(count) connected,") && line.contains(" resumed \(resumed),")
        }
    }

    /// Waits until its latest line says so many connections were lost.
    func haveLost(_ count: Int) async throws {
        try await eventually(timeout: .seconds(30), else: "not \(count) disconnects: \(child.log.suffix(6000))") {
            lastLine.contains(" disconnects \(count),")
        }
    }

    /// Ends all as a power cut would: only the kernel tells the service.
    func kill() async throws { try await child.end(with: SIGKILL) }

    private var lastLine: Substring {
        child.log.split(separator: "\n", omittingEmptySubsequences: false).dropLast().last ?? ""
    }
}

extension Deployment {
    /// Sees that so many simulated users logged in, once each, and nothing else of them was told by now.
    /// - Parameter backend: workers that live.
    func onlyLoginsWereHeard(of users: Int, backend: Backend? = nil) async throws {
        // What comes after all that has happened.
        _ = try await (backend ?? self.backend).session("last", "Android")
        var events: [CallbackReceiver.Event] = []
        try await eventually(else: "heard of \(events.count) of \(users) users") {
            events = receiver.events.filter { $0.user.hasPrefix("sim-") }
            return events.count >= users && !receiver.events(of: "last").isEmpty
        }
        #expect(events.filter { $0.change != "Login/Register" }.map { "\($0.user) \($0.change)" } == [])
        #expect(events.count == users)
        #expect(Set(events.map(\.user)).count == users)
    }
}
