import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import NIOWebSocket
import PresenceProtocol

extension PresenceClient.Configuration {
    /// Opens a connection to the service.
    /// - Parameters:
    ///   - session: the one to resume.
    ///   - attempt: which of the client's attempts this is.
    ///   - handler: takes over once the service has switched to WebSocket; it belongs to the event loop.
    /// - Returns: the connection, and when it has switched.
    func connect(
        on eventLoop: any EventLoop, resuming session: String?, attempt: String,
        handler: @escaping @Sendable () -> FrameHandler
    ) async throws -> (channel: any Channel, upgraded: EventLoopFuture<Void>) {
        let request = request(resuming: session, attempt: attempt)
        let tls = try await tlsContext()
        // A host that is an address takes no detour over the resolver's thread.
        let address = try? SocketAddress(ipAddress: server.host, port: server.port)
        let initialize:
            @Sendable (any Channel) -> EventLoopFuture<(channel: any Channel, upgraded: EventLoopFuture<Void>)> =
                { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let pipeline = channel.pipeline.syncOperations
                        if let tls {
                            // A certificate is for a name or for an address.
                            let name = address == nil ? server.host : nil
                            try pipeline.addHandler(NIOSSLClientHandler(context: tls, serverHostname: name))
                        }
                        return (channel, try pipeline.addUpgrade(request, to: handler))
                    }
                }
        if let address {
            return try await bootstrap(on: eventLoop).connect(to: address, channelInitializer: initialize)
        }
        return try await bootstrap(on: eventLoop)
            .connect(host: server.host, port: server.port, channelInitializer: initialize)
    }

    /// One context for all clients that bring none: it holds all the system's certificates.
    private static let systemTrust = Result { try NIOSSLContext(configuration: .makeClientConfiguration()) }

    /// nil for a server that does not speak TLS.
    private func tlsContext() async throws -> NIOSSLContext? {
        guard server.isSecure else { return nil }
        if let tls { return tls }
        // The first to ask reads the system's files.
        return try await NIOThreadPool.singleton.runIfActive { try Self.systemTrust.get() }
    }

    private func bootstrap(on eventLoop: any EventLoop) -> ClientBootstrap {
        let bootstrap = ClientBootstrap(group: eventLoop)
            .connectTimeout(TimeAmount(ClientRules.welcomeWithin))
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 1024))
        guard let localAddress else { return bootstrap }
        #if os(Linux)
            // The port is chosen when the way is known, so that ports run out per way and not per address.
            let withoutPort = ChannelOptions.Types.SocketOption(level: .ip, name: .init(rawValue: 24))
            return bootstrap.channelOption(withoutPort, value: 1).bind(to: localAddress)
        #else
            return bootstrap.bind(to: localAddress)
        #endif
    }

    private func request(resuming session: String?, attempt: String) -> HTTPRequestHead {
        HTTPRequestHead(
            version: .http1_1, method: .GET, uri: target(resuming: session, attempt: attempt),
            headers: ["Host": server.authority])
    }
}

extension ChannelPipeline.SynchronousOperations {
    /// Sends the request and, when it is granted, replaces HTTP by WebSocket.
    fileprivate func addUpgrade(
        _ request: HTTPRequestHead, to handler: @escaping @Sendable () -> FrameHandler
    ) throws -> EventLoopFuture<Void> {
        let upgrader = NIOTypedWebSocketClientUpgrader<Void>(
            maxFrameSize: ProtocolLimits.serverMessageBytesMax, enableAutomaticErrorHandling: false
        ) { channel, _ in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandlers([
                    NIOWebSocketFrameAggregator(
                        minNonFinalFragmentSize: 0, maxAccumulatedFrameCount: ClientLimits.messageFramesMax,
                        maxAccumulatedFrameSize: ProtocolLimits.serverMessageBytesMax),
                    handler(),
                ])
            }
        }
        let status = StatusHandler()
        let encoder = HTTPRequestEncoder()
        let decoder = ByteToMessageHandler(HTTPResponseDecoder(leftOverBytesStrategy: .forwardBytes))
        let bound = NIOLoopBound(status, eventLoop: eventLoop)
        let upgrade = NIOTypedHTTPClientUpgradeHandler(
            httpHandlers: [status, encoder, decoder],
            upgradeConfiguration: NIOTypedHTTPClientUpgradeConfiguration(
                upgradeRequestHead: request, upgraders: [upgrader],
                notUpgradingCompletionHandler: { channel in
                    channel.eventLoop.makeFailedFuture(UpgradeRefused(status: bound.value.status))
                }))
        try addHandlers([encoder, decoder, status, upgrade])
        return upgrade.upgradeResultFuture
    }
}

/// The service, or a proxy before it, did not switch to WebSocket.
private struct UpgradeRefused: Error, CustomStringConvertible {
    let status: HTTPResponseStatus?

    var description: String { "the answer was HTTP \(status.map { "\($0.code)" } ?? "nothing"), not a WebSocket" }
}

/// Remembers what the service answered, which NIO's upgrade handler does not tell.
private final class StatusHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPClientResponsePart

    private(set) var status: HTTPResponseStatus?

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .head(let head) = unwrapInboundIn(data) { status = head.status }
        context.fireChannelRead(data)
    }
}
