import Foundation
import Logging
import NIOCore
import NIOPosix
import RedisClient

/// A private, real redis-server on a free port and a unix socket in a folder of its own.
///
/// It ends with `withRedis`, and with the test process should that die first.
package actor RedisServer {
    package nonisolated let port: Int
    package nonisolated let folder: String
    private let arguments: [String]
    private var process: Process?

    package nonisolated var socketPath: String { "\(folder)/redis.sock" }
    package nonisolated var url: String { "redis://127.0.0.1:\(port)" }
    package nonisolated var unixURL: String { "unix://\(socketPath)" }

    private init(port: Int, arguments: [String]) throws {
        self.port = port
        self.arguments = arguments
        folder = FileManager.default.temporaryDirectory.appending(path: "redis-\(UUID().uuidString.prefix(8))").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    /// Runs the body beside a server with these extra arguments, such as `["--appendonly", "yes"]`.
    package static func withRedis<Result: Sendable>(
        _ arguments: [String] = [], body: (RedisServer) async throws -> Result
    ) async throws -> Result {
        let server = try RedisServer(port: await FreePort.next(), arguments: arguments)
        do {
            try await server.start()
            let result = try await body(server)
            await server.remove()
            return result
        } catch {
            await server.remove()
            throw error
        }
    }

    /// Starts the server and waits until it accepts connections. It may still be loading.
    package func start() async throws {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments =
            [
                "redis-server", "--bind", "127.0.0.1", "--port", "\(port)", "--unixsocket", socketPath, "--dir", folder,
                "--save", "", "--logfile", "\(folder)/log",
            ] + arguments
        try process.run()
        self.process = process
        try watch(process.processIdentifier)
        try await eventually(else: "redis-server accepts no connections") {
            guard process.isRunning else { throw TimedOut(description: failure(process)) }
            return await accepts()
        }
    }

    /// Ends the server as an operator would: it saves what it is configured to save.
    package func stop() async throws {
        try await end(with: SIGTERM)
    }

    /// Ends the server as a power cut would.
    package func kill() async throws {
        try await end(with: SIGKILL)
    }

    package func restart() async throws {
        try await stop()
        try await start()
    }

    /// The server keeps its connections and does nothing.
    package func pause() { signal(SIGSTOP) }

    package func resume() { signal(SIGCONT) }

    private func end(with number: Int32) async throws {
        resume()
        signal(number)
        try await eventually(else: "redis-server does not end") { process?.isRunning != true }
        process = nil
    }

    private func signal(_ number: Int32) {
        guard let process, process.isRunning else { return }
        Foundation.kill(process.processIdentifier, number)
    }

    private func remove() async {
        try? await kill()
        try? FileManager.default.removeItem(atPath: folder)
    }

    private func accepts() async -> Bool {
        let channel = try? await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .connect(host: "127.0.0.1", port: port).get()
        try? await channel?.close()
        return channel != nil
    }

    private func failure(_ process: Process) -> String {
        if process.terminationStatus == 127 { return "redis-server is not installed: apt-get install redis-server" }
        let log = (try? String(contentsOfFile: "\(folder)/log", encoding: .utf8)) ?? ""
        return "redis-server ended with \(process.terminationStatus): \(log.suffix(500))"
    }

    /// Ends the server and removes its folder when this process is gone.
    private func watch(_ server: Int32) throws {
        let watcher = Process()
        watcher.executableURL = URL(filePath: "/bin/sh")
        watcher.arguments = [
            "-c",
            """
            while kill -0 "$0" && kill -0 "$1"; do sleep 1; done
            kill -0 "$0" || { kill -9 "$1"; rm -rf "$2"; }
            """, "\(ProcessInfo.processInfo.processIdentifier)", "\(server)", folder,
        ]
        watcher.standardError = FileHandle.nullDevice
        watcher.standardOutput = FileHandle.nullDevice
        try watcher.run()
    }
}

extension RedisServer {
    /// Runs the body with a client of this server.
    package nonisolated func withClient<Result: Sendable>(
        options: RedisClientOptions = .init(), _ body: (RedisClient) async throws -> Result
    ) async throws -> Result {
        try await RedisClient.with(url, options: options, body)
    }
}

extension RedisClient {
    /// Runs the body beside a client of the server at this URL.
    package static func with<Result: Sendable>(
        _ url: String, options: RedisClientOptions = .init(), _ body: (RedisClient) async throws -> Result
    ) async throws -> Result {
        var logger = Logger(label: "redis")
        logger.logLevel = .critical
        let client = RedisClient(
            endpoint: try RedisEndpoint(url), eventLoopGroup: .singletonMultiThreadedEventLoopGroup, options: options,
            logger: logger)
        return try await withThrowingTaskGroup { group in
            group.addTask { await client.run() }
            defer { group.cancelAll() }
            return try await body(client)
        }
    }
}
