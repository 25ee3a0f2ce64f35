import Feed
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import PresenceCore
import PresenceStore
import RedisClient
import ServiceLifecycle
import Support

@testable import Feed
@testable import PresenceAPI

extension APIKeys {
    /// Keys that may do everything.
    static func all(_ keys: [String]) -> APIKeys { APIKeys([List("auth.api-keys", Role.allCases, keys)]) }
}

/// The API served in this process on a port of its own.
struct APIServer: Sendable {
    let port: Int
    let redis: RedisClient
    let feed: ChangeFeed

    /// Streams of changes that are open.
    var streams: Int { feed.hub.counts.all + feed.hub.counts.ofUsers }

    /// Runs the body beside an API whose Redis does not exist: a call that comes to ask it is answered 503.
    static func withoutRedis(
        options: APIOptions = APIOptions(), unready: [String] = [], closed: String? = nil,
        connectionsMax: Int = .max, logger: Logger = .silent, body: (APIServer) async throws -> Void
    ) async throws {
        var deadlines = RedisClientOptions()
        deadlines.commandDeadline = .milliseconds(50)
        deadlines.overallDeadline = .milliseconds(50)
        let nobody = RedisClient(
            endpoint: try RedisEndpoint("redis://127.0.0.1:\(try await FreePort.next())"),
            eventLoopGroup: .singletonMultiThreadedEventLoopGroup, options: deadlines, logger: .silent)
        try await serve(
            nobody, limits: LoginLimits(), options: options, unready: unready, closed: closed,
            connectionsMax: connectionsMax, logger: logger, body: body)
    }

    /// Runs the body beside an API on a private redis-server.
    static func withRedis(
        limits: LoginLimits = LoginLimits(), options: APIOptions = APIOptions(), logger: Logger = .silent,
        body: (APIServer) async throws -> Void
    ) async throws {
        try await withRedisServer(limits: limits, options: options, logger: logger) { api, _ in try await body(api) }
    }

    /// The same with the server at hand.
    static func withRedisServer(
        limits: LoginLimits = LoginLimits(), options: APIOptions = APIOptions(), logger: Logger = .silent,
        body: (APIServer, RedisServer) async throws -> Void
    ) async throws {
        try await RedisServer.withRedis { server in
            try await server.withClient { redis in
                try await serve(redis, limits: limits, options: options, unready: [], logger: logger) { api in
                    try await body(api, server)
                }
            }
        }
    }

    private static func serve(
        _ redis: RedisClient, limits: LoginLimits, options: APIOptions, unready: [String],
        closed: String? = nil, connectionsMax: Int = .max, logger: Logger = .silent,
        body: (APIServer) async throws -> Void
    ) async throws {
        var rules = StoreOptions(worker: "test")
        rules.limits = limits
        let store = PresenceStore(redis: redis, keys: KeySpace(prefix: "presence", shards: 16), options: rules)
        let feed = ChangeFeed(store: store, frames: .serverSentEvents, logger: .silent)
        let api = PresenceAPI(
            store: store, feed: feed, options: options, closed: { closed }, readiness: { Readiness(reasons: unready) },
            logger: logger)
        let (ports, chosen) = AsyncStream<Int>.makeStream()
        let server = api.server(
            host: "127.0.0.1", port: 0, eventLoopGroup: .singletonMultiThreadedEventLoopGroup,
            connectionsMax: connectionsMax, onListening: { chosen.yield($0) })
        let services = ServiceGroup(services: [server, feed, api.overviewWatch], logger: .silent)
        try await withThrowingTaskGroup { group in
            group.addTask { try await services.run() }
            for await port in ports.prefix(1) { try await body(APIServer(port: port, redis: redis, feed: feed)) }
            await services.triggerGracefulShutdown()
            try await group.waitForAll()
        }
    }
}

/// One request, as it goes over the wire.
struct Call: Sendable {
    var method: HTTPMethod
    var path: String
    var headers: HTTPHeaders = [:]
    var body: ByteBuffer?
    /// Sends the body in chunks of this size, without telling its length before.
    var chunkBytes: Int?

    static func get(_ path: String) -> Call { Call(method: .GET, path: path) }

    static func post(_ path: String, _ body: String) -> Call {
        Call(method: .POST, path: path, body: ByteBuffer(string: body))
    }
}

/// One response, read to its end.
struct Answer: Sendable {
    var status: Int
    var headers: HTTPHeaders
    var body: ByteBuffer

    var text: String { String(buffer: body) }
    var json: JSON { get throws { try JSON(parsing: text) } }
}

extension APIServer {
    func call(_ call: Call) async throws -> Answer {
        try await exchange([call])[0]
    }

    func post(_ path: String, _ body: String) async throws -> Answer {
        try await call(.post(path, body))
    }

    func get(_ path: String) async throws -> Answer {
        try await call(.get(path))
    }

    /// Sends the calls over one connection, each after the answer to the one before.
    func exchange(_ calls: [Call]) async throws -> [Answer] {
        let connection = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHTTPClientHandlers()
                    return try NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>(
                        wrappingChannelSynchronously: channel)
                }
            }
        return try await connection.executeThenClose { inbound, outbound in
            var parts = inbound.makeAsyncIterator()
            var answers: [Answer] = []
            for call in calls {
                for part in call.parts { try await outbound.write(part) }
                answers.append(try await Answer.read(from: &parts))
            }
            return answers
        }
    }
}

extension Call {
    fileprivate var parts: [HTTPClientRequestPart] {
        var headers = headers
        headers.add(name: "Host", value: "localhost")
        guard var body else {
            return [.head(HTTPRequestHead(version: .http1_1, method: method, uri: path, headers: headers)), .end(nil)]
        }
        var parts: [HTTPClientRequestPart] = []
        if let chunkBytes {
            headers.add(name: "Transfer-Encoding", value: "chunked")
            while let chunk = body.readSlice(length: min(chunkBytes, body.readableBytes)), chunk.readableBytes > 0 {
                parts.append(.body(.byteBuffer(chunk)))
            }
        } else {
            headers.add(name: "Content-Length", value: "\(body.readableBytes)")
            parts.append(.body(.byteBuffer(body)))
        }
        let head = HTTPRequestHead(version: .http1_1, method: method, uri: path, headers: headers)
        return [.head(head)] + parts + [.end(nil)]
    }
}

extension Answer {
    fileprivate static func read(
        from parts: inout NIOAsyncChannelInboundStream<HTTPClientResponsePart>.AsyncIterator
    ) async throws -> Answer {
        guard case .head(let head) = try await parts.next(isolation: #isolation) else {
            throw ConnectionClosed()
        }
        var body = ByteBuffer()
        while case .body(var bytes) = try await parts.next(isolation: #isolation) { body.writeBuffer(&bytes) }
        return Answer(status: Int(head.status.code), headers: head.headers, body: body)
    }
}

/// The server closed the connection without an answer.
struct ConnectionClosed: Error {}
