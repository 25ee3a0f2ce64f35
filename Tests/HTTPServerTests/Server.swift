import HTTPServer
import NIOCore
import NIOHTTP1
import NIOPosix
import ServiceLifecycle
import Support
import Synchronization

/// A server of its own for a test: it tells of each request, and does what the path says.
struct Server: Sendable {
    let port: Int
    let services: ServiceGroup
    private let served: Served

    /// The requests that came to a handler: `POST /a hello`
    var requests: [String] { served.requests.withLock { $0 } }
    /// Lets the requests under `/wait` be answered.
    func release() { served.waiting.withLock { $0 = false } }

    fileprivate final class Served: Sendable {
        let requests = Mutex<[String]>([])
        let waiting = Mutex(true)
    }

    static func with(
        _ limits: HTTPServerLimits = HTTPServerLimits(), connectionsMax: Int = .max, keepsReserve: Bool = false,
        upgrade: HTTPServerUpgrade? = nil, body: (Server) async throws -> Void
    ) async throws {
        var configuration = HTTPServer.Configuration(host: "127.0.0.1", port: 0)
        configuration.limits = limits
        configuration.connectionsMax = connectionsMax
        configuration.keepsReserve = keepsReserve
        let served = Served()
        let (ports, chosen) = AsyncStream<Int>.makeStream()
        let server = HTTPServer(
            configuration, eventLoopGroup: .singletonMultiThreadedEventLoopGroup, logger: .silent,
            onListening: { chosen.yield($0) },
            refuse: { refusal, _ in
                HTTPServerResponse(refusal.status, body: ByteBuffer(string: "\(refusal)"))
            }, decide: { decision(on: $0, served, upgrade) })
        let services = ServiceGroup(services: [server], logger: .silent)
        try await withThrowingTaskGroup { group in
            group.addTask { try await services.run() }
            for await port in ports.prefix(1) {
                let server = Server(port: port, services: services, served: served)
                do { try await body(server) } catch {
                    group.cancelAll()
                    throw error
                }
                server.release()
            }
            await services.triggerGracefulShutdown()
            try await group.waitForAll()
        }
    }

    private static func decision(
        on request: HTTPServerRequest, _ served: Served, _ upgrade: HTTPServerUpgrade?
    ) -> HTTPServerDecision {
        if request.path == "/secret" { return .answer(HTTPServerResponse(.unauthorized)) }
        if let upgrade, request.offersUpgrade, request.path == "/upgrade" { return .upgrade(upgrade) }
        return .handle { request in
            let body = String(buffer: request.body)
            served.requests.withLock { $0.append("\(request.method) \(request.path) \(body)") }
            if request.path.hasPrefix("/wait") {
                while served.waiting.withLock({ $0 }) { try? await Task.sleep(for: .milliseconds(5)) }
            }
            switch request.path {
            case "/big": return HTTPServerResponse(.ok, body: ByteBuffer(repeating: 0x61, count: 1 << 20))
            case "/stream": return HTTPServerResponse(.ok, stream: Parts(count: 3, served))
            case "/endless": return HTTPServerResponse(.ok, stream: Parts(count: nil, served))
            default: return HTTPServerResponse(.ok, body: ByteBuffer(string: "\(request.path) \(body)"))
            }
        }
    }
}

/// `part 1`, `part 2`, ...; endless ones of 64 KiB, told of as they are made.
private final class Parts: AsyncSequence, AsyncIteratorProtocol, Sendable {
    private let count: Int?
    private let served: Server.Served
    private let made = Mutex(0)

    init(count: Int?, _ served: Server.Served) {
        self.count = count
        self.served = served
    }

    func makeAsyncIterator() -> Parts { self }

    func next() async throws -> ByteBuffer? {
        let number = made.withLock {
            $0 += 1
            return $0
        }
        if let count { return number <= count ? ByteBuffer(string: "part \(number)") : nil }
        do {
            // As one that waits for something to tell of.
            if number > 1 { try await Task.sleep(for: .milliseconds(1)) }
        } catch {
            served.requests.withLock { $0.append("ended") }
            throw error
        }
        served.requests.withLock { $0.append("part") }
        return ByteBuffer(repeating: 0x61, count: 1 << 16)
    }
}

extension HTTPRefusal {
    var status: HTTPResponseStatus {
        switch self {
        case .malformed: .badRequest
        case .headTooLarge: .requestHeaderFieldsTooLarge
        case .bodyTooLarge: .payloadTooLarge
        case .tooSlow: .requestTimeout
        case .unsupportedVersion: .httpVersionNotSupported
        case .expectationFailed: .expectationFailed
        }
    }
}
