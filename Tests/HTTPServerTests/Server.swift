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
    /// Lets the requests under `/wait` and `/work` be answered.
    func release() { served.gate.open() }

    fileprivate final class Served: Sendable {
        let requests = Mutex<[String]>([])
        let gate = Gate()

        func note(_ text: String) { requests.withLock { $0.append(text) } }
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
                defer { server.release() }
                do { try await body(server) } catch {
                    group.cancelAll()
                    throw error
                }
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
            served.note("\(request.method) \(request.path) \(body)")
            switch request.path {
            case "/wait": await served.gate.pass()
            case "/work":
                await withTaskCancellationHandler {
                    await served.gate.pass()
                } onCancel: {
                    served.note("\(request.method) cancelled")
                }
                served.note("\(request.method) done")
            default: break
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

/// Closed until it is opened.
private final class Gate: Sendable {
    private struct State {
        var isOpen = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    func pass() async {
        await withCheckedContinuation { continuation in
            let isOpen = state.withLock { state in
                if !state.isOpen { state.waiting.append(continuation) }
                return state.isOpen
            }
            if isOpen { continuation.resume() }
        }
    }

    func open() {
        let waiting = state.withLock { state in
            state.isOpen = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }
}

/// `part 1 of the answer`, ...; endless ones of 64 KiB, told of as they are made.
private final class Parts: AsyncSequence, AsyncIteratorProtocol, Sendable {
    private let count: Int?
    private let served: Server.Served
    private let made = Mutex(0)

    init(count: Int?, _ served: Server.Served) {
        self.count = count
        self.served = served
    }

    deinit { served.note("ended") }

    func makeAsyncIterator() -> Parts { self }

    func next() async throws -> ByteBuffer? {
        let number = made.withLock {
            $0 += 1
            return $0
        }
        if let count { return number <= count ? ByteBuffer(string: "part \(number) of the answer") : nil }
        if Task.isCancelled { served.note("asked though nobody is there") }
        // As one that waits for something to tell of.
        if number > 1 { try await Task.sleep(for: .milliseconds(1)) }
        served.note("part")
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
