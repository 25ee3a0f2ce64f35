import JSON
import NIOCore
import NIOWebSocket
import PresenceProtocol

/// Makes messages of a WebSocket's frames, answers pings, and plays its part in closing.
final class FrameHandler: ChannelDuplexHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundIn = WebSocketFrame
    typealias OutboundOut = WebSocketFrame

    enum Event {
        /// nil: a frame that is no message.
        case message(ServerMessage?)
        /// Once, at the end.
        case closed(code: UInt16, reason: String)
    }

    private let receive: (Event) -> Void
    /// What is answered to a close frame, and told in the end. RFC 6455: 1006 if there was none.
    private var closure: (code: UInt16, reason: String) = (1006, "the connection was lost")
    private var hasSentClose = false

    init(receive: @escaping (Event) -> Void) {
        self.receive = receive
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        switch frame.opcode {
        case .text:
            receive(.message(try? ServerMessage(json: frame.unmaskedData)))
        case .ping:
            send(.pong, frame.unmaskedData, context)
            receive(.message(nil))
        case .connectionClose:
            var data = frame.unmaskedData
            // 1005: RFC 6455's for a close frame that gives no code.
            closure = (data.readInteger() ?? 1005, String(buffer: data))
            close(context: context, mode: .all, promise: nil)
        default:
            receive(.message(nil))
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        receive(.closed(code: closure.code, reason: closure.reason))
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        closure.reason = "\(error)"
        context.close(promise: nil)
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        if !hasSentClose {
            hasSentClose = true
            send(.connectionClose, ByteBuffer(integer: UInt16(1000)), context)
        }
        context.close(mode: mode, promise: promise)
    }

    private func send(_ opcode: WebSocketOpcode, _ data: ByteBuffer, _ context: ChannelHandlerContext) {
        let frame = WebSocketFrame(fin: true, opcode: opcode, maskKey: .random(), data: data)
        context.writeAndFlush(wrapOutboundOut(frame), promise: nil)
    }
}
