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
    private var process: ChildProcess?

    package nonisolated var socketPath: String { "\(folder)/redis.sock" }
    package nonisolated var url: String { "redis://127.0.0.1:\(port)" }
    /// As the user the README gives the service.
    package nonisolated var serviceURL: String { "redis://\(Self.serviceCredentials)127.0.0.1:\(port)" }
    package static let serviceCredentials = "presence:change-me@"

    /// The rules of that user: `["~presence:*", "+ping", ...]`
    package static let serviceRules: [String] = {
        let readme = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../README.md")
        let text = (try? String(contentsOf: readme, encoding: .utf8)) ?? ""
        let command = text.firstMatch(of: /ACL SETUSER presence on '>change-me' ([^`]*)```/)?.1 ?? ""
        return command.split(whereSeparator: \.isWhitespace).map { $0.filter { $0 != "'" } }.filter { $0 != "\\" }
    }()

    package nonisolated var unixURL: String { "unix://\(socketPath)" }

    private init(port: Int, arguments: [String]) throws {
        self.port = port
        self.arguments = arguments
        folder = try temporaryFolder("redis")
    }

    /// Runs the body beside a server with these extra arguments, such as `["--appendonly", "yes"]`.
    package static func withRedis<Result: Sendable>(
        _ arguments: [String] = [], body: (RedisServer) async throws -> Result
    ) async throws -> Result {
        let server = try await started(arguments)
        do {
            let result = try await body(server)
            await server.remove()
            return result
        } catch {
            await server.remove()
            throw error
        }
    }

    /// A new server; one that does not start, as its port was taken since it was chosen, is given up for another.
    private static func started(_ arguments: [String]) async throws -> RedisServer {
        var attemptsLeft = 3
        while true {
            let server = try RedisServer(port: await FreePort.next(), arguments: arguments)
            do {
                try await server.start()
                return server
            } catch {
                await server.remove()
                attemptsLeft -= 1
                if attemptsLeft == 0 { throw error }
            }
        }
    }

    /// Starts the server and waits until it accepts connections. It may still be loading.
    package func start() async throws {
        let process = try ChildProcess(
            [
                "redis-server", "--bind", "127.0.0.1", "--port", "\(port)", "--unixsocket", socketPath, "--dir", folder,
                "--save", "", "--user", "presence", "on", ">change-me",
            ] + Self.serviceRules + arguments, folder: folder, log: "log")
        self.process = process
        try await eventually(else: "redis-server accepts no connections") {
            guard process.isRunning else {
                throw TimedOut(description: "redis-server ended, is it installed? \(process.log.suffix(1000))")
            }
            return await accepts()
        }
    }

    /// Ends the server as an operator would: it saves what it is configured to save.
    package func stop() async throws { try await process?.end(with: SIGTERM) }

    /// Ends the server as a power cut would.
    package func kill() async throws { try await process?.end(with: SIGKILL) }

    package func restart() async throws {
        try await stop()
        try await start()
    }

    /// The server keeps its connections and does nothing.
    package func pause() { process?.signal(SIGSTOP) }

    package func resume() { process?.signal(SIGCONT) }

    private func remove() async {
        try? await kill()
        removeFolder(folder)
    }

    /// Asked on the socket in the server's own folder: another server may listen on the port.
    private func accepts() async -> Bool {
        let channel = try? await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .connect(unixDomainSocketPath: socketPath).get()
        try? await channel?.close()
        return channel != nil
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
        _ url: String, options: RedisClientOptions = .init(),
        on group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
        _ body: (RedisClient) async throws -> Result
    ) async throws -> Result {
        var logger = Logger(label: "redis")
        logger.logLevel = .critical
        let client = RedisClient(
            endpoint: try RedisEndpoint(url), eventLoopGroup: group, options: options,
            logger: logger)
        return try await withThrowingTaskGroup { group in
            group.addTask { await client.run() }
            defer { group.cancelAll() }
            return try await body(client)
        }
    }
}
