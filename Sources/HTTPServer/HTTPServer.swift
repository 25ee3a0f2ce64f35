// HTTPServer: HTTP/1.1 on one port.
//
// Promises: requests of a connection are answered in order, a refused one last. What a client can make the server keep
// or wait for has a limit in `HTTPServerLimits`. What could be read in two ways is refused (RFC 9112): nobody behind
// another proxy gets another's request. Whoever is refused can read why, also while still sending. A server that stops
// answers what was asked.
// Does not: end TLS, speak HTTP/2, know what the requests are about.

import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle

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
    ///   - onListening: told the port.
    package init(
        _ configuration: Configuration, eventLoopGroup: any EventLoopGroup, logger: Logger,
        onListening: @escaping @Sendable (_ port: Int) async -> Void = { _ in },
        refuse: @escaping @Sendable (HTTPRefusal, HTTPServerRequest?) -> HTTPServerResponse,
        decide: @escaping @Sendable (inout HTTPServerRequest) -> HTTPServerDecision
    ) {
        self.configuration = configuration
        self.eventLoopGroup = eventLoopGroup
        self.logger = logger
        self.onListening = onListening
        let warning = QuotaWarning(advice: configuration.reserveAdvice, logger: logger)
        let connections = OpenConnections(
            max: configuration.connectionsMax, keepsReserve: configuration.keepsReserve,
            network: configuration.network, onRefusal: { warning.tell($0) })
        shared = HTTPConnection.Shared(
            limits: configuration.limits, decide: decide, refuse: refuse, connections: connections)
    }

    /// Serves until told to stop: then accepts no more, answers what was asked within `HTTPServerLimits`, and returns
    /// when all connections are closed that did not become something else. Cancelled, it closes them at once.
    /// - Throws: `IOError` if the address cannot be listened on.
    package func run() async throws {
        let channel = try await listen()
        let port = channel.localAddress?.port ?? configuration.port
        logger.info("listening", metadata: ["host": "\(configuration.host)", "port": "\(port)"])
        await onListening(port)
        try? await gracefulShutdown()
        try? await channel.close()
        for connection in shared.connections.stop() { await connection.stop() }
        await shared.connections.drain()
    }

    private func listen() async throws -> any Channel {
        let tasks = Dictionary(
            eventLoopGroup.makeIterator().map { (ObjectIdentifier($0), EventLoopTaskExecutor(eventLoop: $0)) },
            uniquingKeysWith: { first, _ in first })
        return try await ServerBootstrap(group: eventLoopGroup)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.backlog, value: 1_024)
            // So that no more are accepted than may be.
            .serverChannelOption(.maxMessagesPerRead, value: 1)
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

    func read(context: ChannelHandlerContext) {
        if connections.mayAccept() { context.read() }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let server = context.channel
        connections.accepted(unwrapInboundIn(data)) { server.read() }
        context.fireChannelRead(data)
    }
}
