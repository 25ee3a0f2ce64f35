import Hummingbird
import NIOPosix
import ServiceLifecycle

extension Router<BasicRequestContext> {
    /// Serves these routes on loopback while the body runs.
    ///
    /// It stops with grace, as NIO traps where a connection is accepted by a server that is cancelled; requests that
    /// are not answered then are given up.
    package func serving<Result: Sendable>(
        on port: Int = 0, body: (_ port: Int) async throws -> Result
    ) async throws -> Result {
        let (ports, chosen) = AsyncStream<Int>.makeStream()
        let application = Application(
            router: self, configuration: .init(address: .hostname("127.0.0.1", port: port)),
            onServerRunning: { channel in chosen.yield(channel.localAddress?.port ?? 0) },
            eventLoopGroupProvider: .shared(.singletonMultiThreadedEventLoopGroup), logger: .silent)
        var configuration = ServiceGroupConfiguration(services: [application], logger: .silent)
        configuration.maximumGracefulShutdownDuration = .milliseconds(200)
        let server = ServiceGroup(configuration: configuration)
        return try await withThrowingTaskGroup { group in
            group.addTask {
                defer { chosen.finish() }
                try? await server.run()
            }
            guard let port = await ports.first(where: { _ in true }) else {
                throw WebServerError.cannotListen(port: port)
            }
            let result: Swift.Result<Result, any Error>
            do { result = .success(try await body(port)) } catch { result = .failure(error) }
            await server.triggerGracefulShutdown()
            try await group.waitForAll()
            return try result.get()
        }
    }
}

private enum WebServerError: Error {
    case cannotListen(port: Int)
}
