import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1
import Synchronization

/// HTTP on every connection, unless its first request asks to become something else.
struct UpgradableChannel: ServerChildChannel {
    let http: HTTP1Channel
    let upgrade: PresenceAPI.Upgrade?
    let quota: ConnectionQuota?

    /// A connection that was accepted. One that nobody handles, as the server has ended meanwhile, is closed and
    /// served to its end: NIO traps when the writer of a connection is let go unfinished.
    final class Value: ServerChildChannelValue {
        let channel: any Channel
        /// Known when the first request is.
        let serve: EventLoopFuture<PresenceAPI.Serve>
        let isHandled = Atomic(false)

        init(channel: any Channel, serve: EventLoopFuture<PresenceAPI.Serve>) {
            self.channel = channel
            self.serve = serve
        }

        deinit {
            guard !isHandled.load(ordering: .relaxed) else { return }
            channel.close(promise: nil)
            serve.whenSuccess { serve in Task { await serve() } }
        }
    }

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            var upgraders: [any NIOTypedHTTPServerProtocolUpgrader<PresenceAPI.Serve>] = []
            if let upgrade { upgraders.append(upgrade.upgrader) }
            var configuration = NIOUpgradableHTTPServerPipelineConfiguration(
                upgradeConfiguration: NIOTypedHTTPServerUpgradeConfiguration(
                    upgraders: upgraders,
                    notUpgradingCompletionHandler: { channel in
                        channel.eventLoop.makeCompletedFuture { try serveHTTP(on: channel, logger) }
                    }))
            configuration.enablePipelining = false
            configuration.enableResponseHeaderValidation = false
            configuration.enableErrorHandling = false
            let serve = try channel.pipeline.syncOperations.configureUpgradableHTTPServerPipeline(
                configuration: configuration)
            try awaitFirstRequest(on: channel)
            let deadline = channel.eventLoop.scheduleTask(in: APILimits.firstRequestTimeout) {
                channel.close(promise: nil)
            }
            serve.whenComplete { _ in deadline.cancel() }
            return Value(channel: channel, serve: serve)
        }
    }

    private func awaitFirstRequest(on channel: any Channel) throws {
        let upgrading = try channel.pipeline.syncOperations.handler(
            type: NIOTypedHTTPServerUpgradeHandler<PresenceAPI.Serve>.self)
        let malformed = MalformedRequests()
        let first = FirstRequest(quota: quota, upgrade: upgrade, malformed: malformed)
        try channel.pipeline.syncOperations.addHandlers([malformed, first], position: .before(upgrading))
    }

    /// What `HTTP1Channel` sets up itself where nothing can be upgraded, on top of the codec that is there.
    private func serveHTTP(on channel: any Channel, _ logger: Logger) throws -> PresenceAPI.Serve {
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(HTTP1ToHTTPServerCodec(secure: false))
        try pipeline.addHandler(
            RequestDeadline(APILimits.requestTimeout, whenStopping: APILimits.requestTimeoutWhenStopping))
        try pipeline.addHandler(
            HTTPConnectionStateHandler(
                idleTimeout: .nanoseconds(APILimits.idleTimeout.nanoseconds), logger: logger))
        let requests = try HTTP1Channel.Value(
            wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true))
        return { await http.handle(value: requests, logger: logger) }
    }

    func handle(value: Value, logger: Logger) async {
        value.isHandled.store(true, ordering: .relaxed)
        do {
            let serve = try await value.serve.get()
            await serve()
        } catch {
            logger.debug("closed before its first request", metadata: ["error": "\(error)"])
            value.channel.close(promise: nil)
        }
    }
}

/// Until the first request has come: closes a connection beyond its address' quota, and one that has asked for nothing
/// when the server stops; and takes the offer to upgrade from a request that nobody accepts, as NIO would lose its head.
private final class FirstRequest: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart

    private let quota: ConnectionQuota?
    private let upgrade: PresenceAPI.Upgrade?
    private let malformed: MalformedRequests

    init(quota: ConnectionQuota?, upgrade: PresenceAPI.Upgrade?, malformed: MalformedRequests) {
        self.quota = quota
        self.upgrade = upgrade
        self.malformed = malformed
    }

    func channelActive(context: ChannelHandlerContext) {
        guard quota?.admits(context.channel) != false else { return context.close(promise: nil) }
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var part = unwrapInboundIn(data)
        if case .head(var head) = part {
            if upgrade?.accepts(head) == true {
                context.pipeline.syncOperations.removeHandler(malformed, promise: nil)
            } else {
                head.headers.remove(name: "upgrade")
                part = .head(head)
            }
        }
        context.fireChannelRead(wrapInboundOut(part))
        context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard event is ChannelShouldQuiesceEvent else { return context.fireUserInboundEventTriggered(event) }
        context.close(promise: nil)
    }
}
