// HTTPServer: HTTP/1.1 on one port.
//
// Promises: requests of a connection are answered in order, a refused one last. What a client can make the server keep
// or wait for has a limit in `HTTPServerLimits`. What could be read in two ways is refused (RFC 9112): nobody behind
// another proxy gets another's request. Whoever is refused can read why, also while still sending. A server that stops
// answers what was asked.
// Does not: end TLS, speak HTTP/2, know what the requests are about.

import Logging
import Logs
import NIOCore
import NIOPosix
import ServiceLifecycle

/// The port that a server listened on was closed, and not by it.
package struct HTTPServerError: Error, CustomStringConvertible {
    let port: Int

    package var description: String {
        "Port \(port) is not listened on any more: the system closed it. Start the service anew."
    }
}

/// Serves HTTP/1.1.
package struct HTTPServer: Service, CustomStringConvertible {
    package struct Configuration: Sendable {
        package var host: String
        /// 0 picks a free one.
        package var port: Int
        package var limits = HTTPServerLimits()
        /// With so many open no more are accepted until one closes.
        package var connectionsMax = Int.max
        /// One network gets nine tenths of them at most; not to be asked for where all come from one proxy.
        package var keepsReserve = false
        /// What an IP address belongs to: by default it is its own.
        package var network: @Sendable (_ address: String) -> String = { $0 }
        /// Logged where a network gets no more.
        package var reserveAdvice = ""

        package init(host: String, port: Int) {
            self.host = host
            self.port = port
        }
    }

    package var description: String { "HTTP server" }

    private let configuration: Configuration
    private let eventLoopGroup: any EventLoopGroup
    private let logger: Logger
    private let shared: HTTPConnection.Shared
    private let onListening: @Sendable (_ port: Int) async -> Void

    /// - Parameters:
    ///   - refuse: makes the answers the server gives itself; told the request where its head could be read.
    ///   - decide: says what becomes of a request, by its head, and may note the parameters of its path. Called on the
    ///     event loops: it must not block.
    ///   - figures: of what it serves.
    ///   - onListening: told the port.
    package init(
        _ configuration: Configuration, eventLoopGroup: any EventLoopGroup, logger: Logger,
        figures: HTTPFigures = HTTPFigures(),
        onListening: @escaping @Sendable (_ port: Int) async -> Void = { _ in },
        refuse: @escaping @Sendable (HTTPRefusal, HTTPServerRequest?) -> HTTPServerResponse,
        decide: @escaping @Sendable (inout HTTPServerRequest) -> HTTPServerDecision
    ) {
        self.configuration = configuration
        self.eventLoopGroup = eventLoopGroup
        self.logger = logger
        self.onListening = onListening
        let warnings = PacedWarnings<ConnectionWarning>(logger)
        let connections = OpenConnections(
            max: configuration.connectionsMax, keepsReserve: configuration.keepsReserve,
            network: configuration.network,
            onRefusal: {
                figures.count(.networkFull)
                warnings.happened(.networkIsFull, [.address: "\($0)", .advice: "\(configuration.reserveAdvice)"])
            })
        shared = HTTPConnection.Shared(
            limits: configuration.limits, decide: decide, refuse: refuse, connections: connections, figures: figures)
        figures.watch(connections)
    }

    /// Serves until told to stop: then accepts no more, answers what was asked within `HTTPServerLimits`, and returns
    /// when all connections are closed that did not become something else. Cancelled, it closes them at once.
    /// - Throws: `IOError` if the address cannot be listened on; `HTTPServerError` if that ends by itself, after what
    ///   was asked is answered.
    package func run() async throws {
        let channel = try await listen()
        let port = channel.localAddress?.port ?? configuration.port
        logger.info("listening", metadata: .keyed([.host: "\(configuration.host)", .port: "\(port)"]))
        await onListening(port)
        let isStopped = await Self.isStopped(before: channel.closeFuture)
        try? await channel.close()
        for connection in shared.connections.stop() { await connection.stop() }
        await shared.connections.drain()
        if !isStopped { throw HTTPServerError(port: port) }
    }

    /// Returns when told to stop, or cancelled, or when it cannot listen any more.
    private static func isStopped(before closing: EventLoopFuture<Void>) async -> Bool {
        let (ends, end) = AsyncStream<Bool>.makeStream()
        closing.whenComplete { _ in end.yield(false) }
        return await withGracefulShutdownHandler {
            await ends.first { _ in true } ?? true
        } onGracefulShutdown: {
            end.yield(true)
        }
    }

    private func listen() async throws -> any Channel {
        let tasks = Dictionary(
            eventLoopGroup.makeIterator().map { (ObjectIdentifier($0), EventLoopTaskExecutor(eventLoop: $0)) },
            uniquingKeysWith: { first, _ in first })
        return try await ServerBootstrap(group: eventLoopGroup)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.backlog, value: HTTPServerLimits.backlog)
            .serverChannelInitializer { [shared] channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(AcceptGate(shared.connections))
                }
            }
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.maxMessagesPerRead, value: 1)
            // Every open connection keeps what it was last read into; that grows with what is read.
            .childChannelOption(
                .recvAllocator,
                value: AdaptiveRecvByteBufferAllocator(
                    minimum: 256, initial: 256, maximum: configuration.limits.readBytesMax)
            )
            .childChannelInitializer { [shared] channel in
                channel.eventLoop.makeCompletedFuture {
                    let executor =
                        tasks[ObjectIdentifier(channel.eventLoop)]
                        ?? EventLoopTaskExecutor(eventLoop: channel.eventLoop)
                    let connection = HTTPConnection(channel, tasks: executor, shared: shared)
                    try connection.assumeIsolated { try $0.start() }
                }
            }
            .bind(host: configuration.host, port: configuration.port).get()
    }
}

/// Counts what a server channel accepts, and holds accepting back while there are enough.
private final class AcceptGate: ChannelDuplexHandler {
    typealias InboundIn = any Channel
    typealias InboundOut = any Channel
    typealias OutboundIn = Never

    private let connections: OpenConnections

    init(_ connections: OpenConnections) {
        self.connections = connections
    }

    /// No more are accepted at once than there may be.
    func read(context: ChannelHandlerContext) {
        let room = connections.room()
        guard room > 0 else { return }
        do {
            let count = min(room, HTTPServerLimits.acceptsPerTurnMax)
            try context.channel.syncOptions?.setOption(.maxMessagesPerRead, value: UInt(count))
            context.read()
        } catch {
            context.fireErrorCaught(error)
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let server = context.channel
        connections.accepted(unwrapInboundIn(data)) { server.read() }
        context.fireChannelRead(data)
    }
}
