import HTTPServer
import NIOCore
import NIOHTTP1
import NIOPosix
import ServiceLifecycle

/// A web server of a test's own.
package enum WebServer {
    /// Serves on loopback while the body runs; requests that are not answered then are given up.
    package static func serving<Result: Sendable>(
        on port: Int = 0, handler: @escaping HTTPServerHandler, body: (_ port: Int) async throws -> Result
    ) async throws -> Result {
        let (ports, chosen) = AsyncStream<Int>.makeStream()
        var configuration = HTTPServer.Configuration(host: "127.0.0.1", port: port)
        configuration.limits.stopAnswerTimeout = .milliseconds(200)
        configuration.limits.stopReadTimeout = .milliseconds(200)
        let server = HTTPServer(
            configuration, eventLoopGroup: .singletonMultiThreadedEventLoopGroup, logger: .silent,
            onListening: { chosen.yield($0) }, refuse: { _, _ in HTTPServerResponse(.badRequest) },
            decide: { _ in .handle(handler) })
        let services = ServiceGroup(services: [server], logger: .silent)
        return try await withThrowingTaskGroup { group in
            group.addTask {
                defer { chosen.finish() }
                try? await services.run()
            }
            guard let port = await ports.first(where: { _ in true }) else {
                throw WebServerError.cannotListen(port: port)
            }
            let result: Swift.Result<Result, any Error>
            do { result = .success(try await body(port)) } catch { result = .failure(error) }
            await services.triggerGracefulShutdown()
            try await group.waitForAll()
            return try result.get()
        }
    }
}

private enum WebServerError: Error {
    case cannotListen(port: Int)
}
