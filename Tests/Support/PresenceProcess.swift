import Foundation
import Synchronization

/// A running worker: the product itself, in a process of its own, as an operator would start it.
package actor PresenceProcess {
    /// What it is started with, beside the port.
    private struct Start {
        let words: [String]
        let folder: String
        let log: String

        func child(port: String, log: String) throws -> ChildProcess {
            try ChildProcess(words + ["--port", port], folder: folder, log: log)
        }
    }

    package nonisolated let host: String
    package nonisolated let port: Int
    private let start: Start
    private nonisolated let current: Mutex<ChildProcess>

    package nonisolated var child: ChildProcess { current.withLock { $0 } }
    package nonisolated var url: String { "http://\(host):\(port)" }
    package nonisolated var socketURL: String { "ws://\(host):\(port)" }
    /// Of its latest start.
    package nonisolated var log: String { child.log }

    private init(_ start: Start, host: String, port: String) async throws {
        let child = try start.child(port: port, log: start.log)
        self.start = start
        self.host = host
        self.port = try await Self.port(of: child)
        current = Mutex(child)
    }

    /// Runs the body beside a worker with these settings (`["callback.url": ...]`) on this Redis.
    package static func withWorker<Result: Sendable>(
        redis url: String?, _ settings: [String: String] = [:], body: (PresenceProcess) async throws -> Result
    ) async throws -> Result {
        let folder = try temporaryFolder("presence")
        defer { removeFolder(folder) }
        let worker = try await start(redis: url, settings, folder: folder)
        do {
            let result = try await body(worker)
            try await worker.kill()
            return result
        } catch {
            try? await worker.kill()
            throw error
        }
    }

    /// The product beside the test bundle.
    package static var binary: String {
        URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
            .appending(path: "presence").path
    }

    /// Runs another command of the product to its end and gives its output.
    package static func command(
        _ arguments: [String], environment: [String: String] = [:]
    ) async throws -> String {
        try await end(of: arguments, environment: environment).output
    }

    /// Runs a command, or a service that cannot start, to its end.
    package static func end(
        of arguments: [String], environment: [String: String] = [:]
    ) async throws -> (output: String, status: Int32?) {
        let folder = try temporaryFolder("command")
        defer { removeFolder(folder) }
        let variables = environment.isEmpty ? [] : ["env"] + environment.map { "\($0)=\($1)" }
        let child = try ChildProcess(variables + [binary] + arguments, folder: folder, log: "output")
        try await eventually(else: "presence \(arguments) does not end") { !child.isRunning }
        return (child.log, child.exitStatus)
    }

    /// Starts a worker and waits until it listens.
    /// - Parameters:
    ///   - url: nil for a private Redis; then the worker must end with `stop`, which takes it along.
    ///   - home: the home folder it finds itself in.
    package static func start(
        redis url: String?, _ settings: [String: String], folder: String, log: String = "worker.log",
        home: String? = nil
    ) async throws -> PresenceProcess {
        var flags = ["--log-level", "debug"]
        if let url { flags += ["--redis-url", url] }
        for (key, value) in settings where key != "port" { flags += ["--" + key.replacing(".", with: "-"), value] }
        let words = home.map { ["env", "-u", "XDG_STATE_HOME", "HOME=\($0)"] } ?? []
        return try await PresenceProcess(
            Start(words: words + [binary, "serve"] + flags, folder: folder, log: log),
            host: settings["host"] ?? "127.0.0.1", port: settings["port"] ?? "0")
    }

    /// Starts the worker again after its end, on the port it had, and waits until it listens.
    package func startAgain() async throws {
        let child = try start.child(port: "\(port)", log: "\(UUID().uuidString.prefix(8))-\(start.log)")
        current.withLock { $0 = child }
        _ = try await Self.port(of: child)
    }

    /// Waits until the worker listens, and where.
    private static func port(of child: ChildProcess) async throws -> Int {
        var port: Int?
        try await eventually(timeout: .seconds(20), else: "the worker does not listen: \(child.log.suffix(1000))") {
            guard child.isRunning else { throw TimedOut(description: "the worker ended: \(child.log.suffix(1000))") }
            port = child.log.firstMatch(of: /listening.*port=(\d+)|port=(\d+).*listening/)
                .flatMap { Int($0.1 ?? $0.2 ?? "") }
            return port != nil
        }
        return port ?? 0
    }

    /// Ends the worker as a deployment would.
    package func stop() async throws { try await child.end(with: SIGTERM) }
    /// Ends the worker as a power cut would.
    package func kill() async throws { try await child.end(with: SIGKILL) }
    package nonisolated func pause() { child.signal(SIGSTOP) }
    package nonisolated func resume() { child.signal(SIGCONT) }
}
