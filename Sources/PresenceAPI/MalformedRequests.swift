import HTTPTypes
import JSON
import NIOCore
import NIOHTTP1

/// Answers what cannot be read as HTTP/1.1 with a problem and closes the connection, as nothing behind it can be read.
/// A request that is still to be answered gets its own answer, the connection's last. To be removed from a connection
/// that becomes something else than HTTP.
final class MalformedRequests: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private var isRequestOpen = false
    private var isBroken = false

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .head = unwrapInboundIn(data) { isRequestOpen = true }
        context.fireChannelRead(data)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if error is HTTPParserError, !isBroken {
            isBroken = true
            if !isRequestOpen { answer(context) }
        }
        context.fireErrorCaught(error)
    }

    private func answer(_ context: ChannelHandlerContext) {
        let problem = Problem(
            .malformedRequest,
            "Send HTTP/1.1: a known method, a path in ASCII, a well-formed body, and at most 80 kB before it.")
        let body = problem.json
        let headers: HTTPHeaders = [
            "Connection": "close", "Content-Type": "application/problem+json",
            "Content-Length": "\(body.readableBytes)",
        ]
        let status = HTTPResponseStatus(statusCode: problem.code.meaning.status.code)
        let head = HTTPResponseHead(version: .http1_1, status: status, headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        context.close(promise: nil)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        context.write(data, promise: promise)
        guard case .end = unwrapOutboundIn(data) else { return }
        isRequestOpen = false
        if isBroken {
            context.flush()
            context.close(promise: nil)
        }
    }
}
