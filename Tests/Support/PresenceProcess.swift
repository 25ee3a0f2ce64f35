import Foundation

/// A running worker: the product itself, in a process of its own, as an operator would start it.
package actor PresenceProcess {
    package nonisolated let port: Int
    package nonisolated let child: ChildProcess
    package nonisolated var url: String { "http://127.0.0.1:\(port)" }
    package nonisolated var log: String { child.log }

    private init(port: Int, child: ChildProcess) {
        self.port = port
        self.child = child
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
    package static func command(_ arguments: [String]) async throws -> String {
        let folder = try temporaryFolder("command")
        defer { removeFolder(folder) }
        let child = try ChildProcess([binary] + arguments, folder: folder, log: "output")
        try await eventually(else: "presence \(arguments) does not end") { !child.isRunning }
        return child.log
    }

    /// Starts a worker and waits until it listens.
    /// - Parameters:
    ///   - url: nil for a private Redis; then the worker must end with `stop`, which takes it along.
    ///   - home: the home folder it finds itself in.
    package static func start(
        redis url: String?, _ settings: [String: String], folder: String, log: String = "worker.log",
        home: String? = nil
    ) async throws -> PresenceProcess {
        var flags = ["--port", "0", "--log-level", "debug"]
        if let url { flags += ["--redis-url", url] }
        for (key, value) in settings { flags += ["--" + key.replacing(".", with: "-"), value] }
        let words = home.map { ["env", "-u", "XDG_STATE_HOME", "HOME=\($0)"] } ?? []
        let child = try ChildProcess(words + [binary, "serve"] + flags, folder: folder, log: log)
        var port: Int?
        try await eventually(timeout: .seconds(20), else: "the worker does not listen: \(child.log.suffix(1000))") {
            guard child.isRunning else { throw TimedOut(description: "the worker ended: \(child.log.suffix(1000))") }
            port = child.log.firstMatch(of: /listening.*port=(\d+)|port=(\d+).*listening/)
                .flatMap { Int($0.1 ?? $0.2 ?? "") }
            return port != nil
        }
        return PresenceProcess(port: port ?? 0, child: child)
    }

    /// Ends the worker as a deployment would.
    package func stop() async throws { try await child.end(with: SIGTERM) }
    /// Ends the worker as a power cut would.
    package func kill() async throws { try await child.end(with: SIGKILL) }
    package nonisolated func pause() { child.signal(SIGSTOP) }
    package nonisolated func resume() { child.signal(SIGCONT) }
}
