import Foundation
import Logging
import NIOCore
import NIOPosix
import RedisClient

/// A private, real redis-server on a free port and a unix socket in a folder of its own: alone, a node of a cluster, or
/// a sentinel.
///
/// It ends with `withRedis`, `RedisCluster.withCluster` or `RedisSentinels.withSentinels`, and with the test process
/// should that die first.
package actor RedisServer {
    package nonisolated let host: String
    package nonisolated let port: Int
    package nonisolated let folder: String
    nonisolated let setup: RedisServerSetup
    private var process: ChildProcess?
    private var moreArguments: [String] = []
    private var isPaused = false

    package nonisolated var socketPath: String { "\(folder)/redis.sock" }
    package nonisolated var address: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
    package nonisolated var url: String { url(as: setup.password.map { ":\($0)@" } ?? "") }
    /// As the user the documentation gives the service.
    package nonisolated var serviceURL: String { url(as: Self.serviceCredentials) }
    package static let serviceCredentials = "presence:change-me@"

    private nonisolated func url(as login: String) -> String {
        "\(setup.tls == nil ? "redis" : "rediss")://\(login)\(address)"
    }

    /// What the tests run on: redis-server, unless PRESENCE_TEST_REDIS names the program of another. Valkey from PyPI
    /// has no TLS, so that is asked of redis-server always.
    private nonisolated var program: String {
        let other = ProcessInfo.processInfo.environment["PRESENCE_TEST_REDIS"]
        return setup.tls == nil ? other ?? "redis-server" : "redis-server"
    }

    /// The rules of that user: `["~presence:*", "+ping", ...]`
    package static let serviceRules: [String] = {
        let page = try? DocumentationPage.named("RedisDeployments")
        let command = page?.text.firstMatch(of: /ACL SETUSER presence on '>change-me' ('~[^`]*)```/)?.1 ?? ""
        return command.split(whereSeparator: \.isWhitespace).map { $0.filter { $0 != "'" } }.filter { $0 != "\\" }
    }()

    package nonisolated var unixURL: String { "unix://\(socketPath)" }

    private init(_ setup: RedisServerSetup) async throws {
        self.setup = setup
        host = setup.host
        port = try await FreePort.next()
        folder = try temporaryFolder("redis")
    }

    /// Runs the body beside a server with these extra arguments, such as `["--appendonly", "yes"]`.
    /// - Parameters:
    ///   - tls: to speak TLS, and nothing else, on its port.
    ///   - launcher: words that start it, such as `["env", "NAME=value"]`.
    package static func withRedis<Result: Sendable>(
        _ arguments: [String] = [], tls: RedisServerTLS? = nil, launcher: [String] = [],
        body: (RedisServer) async throws -> Result
    ) async throws -> Result {
        let server = try await started {
            RedisServerSetup(arguments: arguments, tls: tls, launcher: launcher)
        }
        do {
            let result = try await body(server)
            await server.remove()
            return result
        } catch {
            await server.remove()
            throw error
        }
    }

    /// A new server; one that does not start, as a port was taken since it was chosen, is given up for another.
    static func started(_ setup: @Sendable () async throws -> RedisServerSetup) async throws -> RedisServer {
        var attemptsLeft = 3
        while true {
            let server = try await RedisServer(setup())
            do {
                try server.setup.write(to: server.folder)
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
            setup.launcher + [program] + setup.arguments(port: port, folder: folder) + moreArguments, folder: folder,
            log: "log")
        self.process = process
        isPaused = false
        try await eventually(else: "\(program) accepts no connections") {
            guard process.isRunning else {
                throw TimedOut(description: "\(program) ended, is it installed? \(process.logEnd)")
            }
            return await accepts()
        }
    }

    /// Ends the server as an operator would: it saves what it is configured to save.
    package func stop() async throws { try await process?.end(with: SIGTERM) }

    /// Ends the server as a power cut would.
    package func kill() async throws { try await process?.end(with: SIGKILL) }

    /// - Parameter arguments: in addition to those it had.
    package func restart(with arguments: [String] = []) async throws {
        moreArguments += arguments
        try await stop()
        try await start()
    }

    /// The server keeps its connections and does nothing.
    package func pause() {
        isPaused = true
        process?.signal(SIGSTOP)
    }

    package func resume() {
        isPaused = false
        process?.signal(SIGCONT)
    }

    /// Of the running server, or of what it was started by; nil while there is none.
    package var pid: pid_t? { process?.isRunning == true ? process?.pid : nil }

    /// Runs and is not paused.
    package var isAwake: Bool { !isPaused && process?.isRunning == true }

    func remove() async {
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
        try await with(try RedisEndpoint(url), options: options, on: group, body)
    }

    package static func with<Result: Sendable>(
        _ endpoint: RedisEndpoint, options: RedisClientOptions = .init(),
        on group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
        _ body: (RedisClient) async throws -> Result
    ) async throws -> Result {
        let client = RedisClient(endpoint: endpoint, eventLoopGroup: group, options: options, logger: .silent)
        return try await withThrowingTaskGroup { group in
            group.addTask { await client.run() }
            defer { group.cancelAll() }
            return try await body(client)
        }
    }
}

extension RedisClient {
    /// The replies to the commands; throws if one has none, or an error reply.
    package func replies(_ commands: [RedisCommand]) async throws -> [RedisValue] {
        try await pipeline(commands).map { try $0.get() }
    }
}
