import HTTPTypes
import NIOCore
import NIOHTTP1

/// Answers what is no HTTP/1.1 with a problem, the connection's last answer: after it nothing can be read, and what
/// else was to be written is dropped. To be removed from a connection that becomes something else than HTTP.
final class MalformedRequests: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private var isResponseOpen = false
    private var isAnswered = false

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if error is HTTPParserError, !isAnswered {
            isAnswered = true
            // Into an answer that has begun nothing can be written; the codec closes the connection after this call.
            if !isResponseOpen { answer(context) }
        }
        context.fireErrorCaught(error)
    }

    private func answer(_ context: ChannelHandlerContext) {
        let problem = Problem(
            .malformedRequest, "Send HTTP/1.1: a known method, a path in ASCII, and at most 80 kB before the body.")
        var json = JSONWriter()
        problem.write(to: &json)
        let headers: HTTPHeaders = [
            "Connection": "close", "Content-Type": "application/problem+json",
            "Content-Length": "\(json.buffer.readableBytes)",
        ]
        let status = HTTPResponseStatus(statusCode: problem.code.meaning.status.code)
        let head = HTTPResponseHead(version: .http1_1, status: status, headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(json.buffer))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard !isAnswered else {
            promise?.fail(ChannelError.outputClosed)
            return
        }
        context.write(data, promise: promise)
        switch unwrapOutboundIn(data) {
        case .head(let head): isResponseOpen = head.status.code >= 200
        case .body: break
        case .end: isResponseOpen = false
        }
    }
}
