import NIOCore
import NIOHTTP1

/// A request on its way to the receiver.
struct Exchange: Sendable {
    let request: ReceiverRequest
    let deadline: NIODeadline
    let answer: CheckedContinuation<ReceiverAnswer, Never>
}

/// One connection to the receiver: one request at a time, over and over. Performs what its `ConnectionState` decides.
final class ReceiverConnection: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    private let pool: ReceiverPool
    private var context: ChannelHandlerContext?
    private var state = ConnectionState()
    private var answer: CheckedContinuation<ReceiverAnswer, Never>?
    /// When it is given up: an exchange that has not ended by then, or a connection nobody used.
    var deadline = NIODeadline.distantFuture

    init(pool: ReceiverPool) {
        self.pool = pool
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    /// Sends a request. The connection must be free.
    func send(_ exchange: Exchange) {
        state.start()
        answer = exchange.answer
        deadline = exchange.deadline
        guard let context else { return perform(state.abandon(), answer: .closed) }
        context.write(wrapOutboundOut(.head(exchange.request.head)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(exchange.request.body))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            perform(state.head(staysOpen: head.isKeepAlive && head.status.code >= 200), answer: .head(head))
        case .body(let bytes): perform(state.body(bytes: bytes.readableBytes))
        case .end: perform(state.end())
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        perform(state.abandon(), answer: ReceiverAnswer(error))
    }

    func channelInactive(context: ChannelHandlerContext) {
        perform(state.abandon(), answer: .closed)
        pool.lost(self)
    }

    /// Gives the connection up, and with it a request that waits.
    func abandon(_ reason: ReceiverAnswer) { perform(state.abandon(), answer: reason) }

    private func perform(_ step: ConnectionState.Step, answer reason: ReceiverAnswer = .noHTTP) {
        switch step {
        case .nothing: break
        case .answer:
            hand(over: reason)
            if !pool.hasRoom { abandon(.closed) }
        case .failAndClose:
            hand(over: reason)
            close()
        case .close: close()
        case .free: pool.freed(self)
        }
    }

    /// With TLS a close takes until the peer has answered it: no request may get this connection meanwhile.
    private func close() {
        pool.lost(self)
        context?.close(promise: nil)
    }

    private func hand(over answer: ReceiverAnswer) {
        self.answer?.resume(returning: answer)
        self.answer = nil
    }
}
