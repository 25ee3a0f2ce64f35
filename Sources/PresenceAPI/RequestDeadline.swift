import NIOCore
import NIOHTTPTypes

/// Closes a connection whose request does not come to its end: a slow body must not hold it for long, not even where
/// the answer needs no body and was sent already, and much less a server that stops.
final class RequestDeadline: ChannelInboundHandler {
    typealias InboundIn = HTTPRequestPart

    private let timeout: TimeAmount
    private let stopTimeout: TimeAmount
    private var isOpen = false
    private var timer: Scheduled<Void>?

    init(_ timeout: TimeAmount, whenStopping stopTimeout: TimeAmount) {
        self.timeout = timeout
        self.stopTimeout = stopTimeout
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head: isOpen = true
        case .body: break
        case .end:
            isOpen = false
            stop()
        }
        context.fireChannelRead(data)
    }

    /// Most requests come whole in one read and need no timer.
    func channelReadComplete(context: ChannelHandlerContext) {
        if isOpen, timer == nil { start(timeout, context) }
        context.fireChannelReadComplete()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is ChannelShouldQuiesceEvent, isOpen {
            stop()
            start(stopTimeout, context)
        }
        context.fireUserInboundEventTriggered(event)
    }

    func handlerRemoved(context: ChannelHandlerContext) { stop() }

    private func start(_ timeout: TimeAmount, _ context: ChannelHandlerContext) {
        let channel = context.channel
        timer = context.eventLoop.scheduleTask(in: timeout) { channel.close(promise: nil) }
    }

    private func stop() {
        timer?.cancel()
        timer = nil
    }
}
