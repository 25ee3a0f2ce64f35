import Foundation
import Synchronization

/// A running worker: the product itself, in a process of its own, as an operator would start it.
package actor PresenceProcess {
    /// What it is started with, beside the port.
    private struct Start {
        var words: [String]
        let folder: String
        let log: String

        func child(port: String, log: String) throws -> ChildProcess {
            try ChildProcess(words + ["--port", port], folder: folder, log: log)
        }
    }

    package nonisolated let host: String
    package nonisolated let port: Int
    private var start: Start
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
        redis url: String?, _ settings: [String: String] = [:], environment: [String: String] = [:],
        body: (PresenceProcess) async throws -> Result
    ) async throws -> Result {
        let folder = try temporaryFolder("presence")
        defer { removeFolder(folder) }
        let worker = try await start(redis: url, settings, folder: folder, environment: environment)
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
    ///   - program: another one than that which was built.
    package static func start(
        redis url: String?, _ settings: [String: String], folder: String, log: String = "worker.log",
        home: String? = nil, environment: [String: String] = [:], program: String? = nil
    ) async throws -> PresenceProcess {
        var flags = ["--log-level", settings["log.level"] ?? "debug"]
        if let url { flags += ["--redis-url", url] }
        for (key, value) in settings where !["port", "log.level"].contains(key) {
            flags += ["--" + key.replacing(".", with: "-"), value]
        }
        var words = home.map { ["env", "-u", "XDG_STATE_HOME", "HOME=\($0)"] } ?? []
        if !environment.isEmpty { words += ["env"] + environment.map { "\($0)=\($1)" } }
        return try await PresenceProcess(
            Start(words: words + [program ?? binary, "serve"] + flags, folder: folder, log: log),
            host: settings["host"] ?? "127.0.0.1", port: settings["port"] ?? "0")
    }

    /// Starts the worker again after its end, on the port it had, and waits until it listens.
    /// - Parameter url: of another Redis than before.
    package func startAgain(redis url: String? = nil) async throws {
        if let url, let flag = start.words.firstIndex(of: "--redis-url") { start.words[flag + 1] = url }
        let child = try start.child(port: "\(port)", log: "\(UUID().uuidString.prefix(8))-\(start.log)")
        current.withLock { $0 = child }
        _ = try await Self.port(of: child)
    }

    /// Waits until the worker serves, and where.
    private static func port(of child: ChildProcess) async throws -> Int {
        let port = try await listeningPort(of: child)
        try await eventually(else: "the worker does not serve: \(child.logEnd)") {
            guard child.isRunning else { throw TimedOut(description: "the worker ended: \(child.logEnd)") }
            return child.log.contains("serving")
        }
        return port
    }

    /// Waits until a worker listens, and where, whether or not it has found its Redis.
    package static func listeningPort(of child: ChildProcess) async throws -> Int {
        var port: Int?
        try await eventually(else: "the worker does not listen: \(child.logEnd)") {
            guard child.isRunning else { throw TimedOut(description: "the worker ended: \(child.logEnd)") }
            port = child.log.firstMatch(of: /listening.*port["=:]+(\d+)|port["=:]+(\d+).*listening/)
                .flatMap { Int($0.1 ?? $0.2 ?? "") }
            return port != nil
        }
        return port ?? 0
    }

    /// Ends the worker as a deployment would.
    package func stop() async throws { try await child.end(with: SIGTERM) }
    /// Ends the worker as a power cut would.
    package func kill() async throws { try await child.end(with: SIGKILL) }
    /// Has the worker read its configuration anew, and waits until it says what came of it.
    /// - Returns: the line it says it in.
    package nonisolated func reload() async throws -> String {
        func told() -> [Substring] {
            log.split(separator: "\n").filter { $0.contains(/The configuration (was|cannot be) read anew/) }
        }
        let before = told().count
        child.signal(SIGHUP)
        try await eventually(else: "it does not say what came of SIGHUP: \(child.logEnd)") { told().count > before }
        return String(told().last ?? "")
    }

    package nonisolated func pause() { child.signal(SIGSTOP) }
    package nonisolated func resume() { child.signal(SIGCONT) }
}
