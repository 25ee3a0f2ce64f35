import Logging
import Logs
import NIOCore

/// Turns the bytes of a channel into replies and hands over those of one read together.
/// Bytes that make no reply close the channel.
final class ReplyHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private var decoder: RESPDecoder
    private let logger: Logger
    private let deliver: @Sendable ([RedisResult]) -> Void

    init(replyBytesMax: Int, logger: Logger, deliver: @escaping @Sendable ([RedisResult]) -> Void) {
        self.decoder = RESPDecoder(unfinishedBytesMax: replyBytesMax)
        self.logger = logger
        self.deliver = deliver
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        do {
            deliver(try decoder.decode(unwrapInboundIn(data)))
        } catch {
            logger.error("Redis sent what is no reply", metadata: .keyed([.error: "\(error.reason)"]))
            context.close(promise: nil)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        logger.debug("Redis connection broke", metadata: .keyed([.error: "\(error)"]))
        context.close(promise: nil)
    }
}
