import NIOCore
import NIOHTTP1

/// NIO's request decoder, made to go on: it stops for good behind a request that offers an upgrade, or `CONNECT`, so
/// another one takes its place there; and what is behind its errors, or behind the last request, is dropped and counted.
final class RequestDecoder: ByteToMessageDecoder {
    typealias InboundOut = HTTPServerRequestPart

    enum Mode {
        case decoding
        case dropping
        /// The bytes are kept for the handlers behind, which get them when this one is removed.
        case handingOver
    }

    var mode = Mode.decoding
    /// The request that ended last stops NIO's decoder.
    var hasStopped = false
    /// Bytes of a request are kept that were not told of.
    private(set) var hasRest = false
    private var droppedBytes = 0
    private let bufferedBytesMax: Int
    private let limits: NIOHTTPDecoderLimitConfiguration
    private var decoder: HTTPRequestDecoder

    init(_ limits: HTTPServerLimits) {
        var configuration = NIOHTTPDecoderLimitConfiguration()
        configuration.maxHeaderFieldSize = limits.headBytesMax
        configuration.maxHeaderListSize = limits.headBytesMax
        configuration.maxHeaderFieldCount = limits.headerFieldsMax
        self.limits = configuration
        bufferedBytesMax = limits.headBytesMax
        decoder = HTTPRequestDecoder(limitConfiguration: configuration)
    }

    /// How many bytes were dropped since this was asked.
    func takeDroppedBytes() -> Int {
        defer { droppedBytes = 0 }
        return droppedBytes
    }

    func decoderAdded(context: ChannelHandlerContext) { decoder.decoderAdded(context: context) }
    func decoderRemoved(context: ChannelHandlerContext) { decoder.decoderRemoved(context: context) }

    func decode(context: ChannelHandlerContext, buffer: inout ByteBuffer) throws -> DecodingState {
        if mode == .decoding { decodeRequests(context, &buffer) }
        hasRest = buffer.readableBytes > 0
        // The parts told of may have changed it.
        switch mode {
        case .decoding where hasStopped:
            startAnew(context)
            return buffer.readableBytes > 0 ? .continue : .needMoreData
        case .decoding, .handingOver: return .needMoreData
        case .dropping:
            droppedBytes += buffer.readableBytes
            buffer.moveReaderIndex(forwardBy: buffer.readableBytes)
            return .needMoreData
        }
    }

    private func decodeRequests(_ context: ChannelHandlerContext, _ buffer: inout ByteBuffer) {
        do {
            _ = try decoder.decode(context: context, buffer: &buffer)
            // NIO's decoder counts what it tells of, and keeps the field it is at: not so the blanks in its midst.
            if mode == .decoding, !hasStopped, buffer.readableBytes > bufferedBytesMax {
                throw HTTPParserError.headerOverflow
            }
        } catch {
            if mode == .decoding { context.fireErrorCaught(error) }
            mode = .dropping
        }
    }

    private func startAnew(_ context: ChannelHandlerContext) {
        decoder.decoderRemoved(context: context)
        decoder = HTTPRequestDecoder(limitConfiguration: limits)
        decoder.decoderAdded(context: context)
        hasStopped = false
    }

    /// A request that is not there to its end is none.
    func decodeLast(
        context: ChannelHandlerContext, buffer: inout ByteBuffer, seenEOF: Bool
    ) throws -> DecodingState {
        if mode == .handingOver, !seenEOF, buffer.readableBytes > 0 { context.fireChannelRead(NIOAny(buffer)) }
        buffer.moveReaderIndex(forwardBy: buffer.readableBytes)
        return .needMoreData
    }
}

extension HTTPRefusal {
    /// What NIO's decoder has against a request.
    init(_ error: any Error) {
        self =
            switch error as? HTTPParserError {
            case .headerOverflow?: .headTooLarge
            case .invalidVersion?: .unsupportedVersion
            default: .malformed
            }
    }
}
