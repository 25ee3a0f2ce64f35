import Foundation
import NIOCore
import NIOPosix
import NIOSSL
import Support
import Synchronization

/// A receiver that answers with bytes of the test's choice, which need not be HTTP. Counts what it is asked and how.
final class ScriptedReceiver: Sendable {
    /// What follows a request.
    struct Answer: Sendable {
        var bytes: String
        /// Sent again and again after the bytes, megabytes a second.
        var endless: String?
        var closes = false
    }

    private struct Counts {
        var opened = 0
        var open = 0
        var requests: [String] = []
    }

    private let answers: [Answer]
    private let counts = Mutex(Counts())
    private let port = Mutex(0)

    /// Connections accepted so far.
    var opened: Int { counts.withLock(\.opened) }
    /// Connections that are open now.
    var open: Int { counts.withLock(\.open) }
    /// Every request as it came, head and body.
    var requests: [String] { counts.withLock(\.requests) }
    var url: String { "http://127.0.0.1:\(port.withLock { $0 })/cb" }
    /// By the name its certificates have.
    var tlsURL: String { "https://localhost:\(port.withLock { $0 })/cb" }

    /// Runs the body beside a receiver.
    /// - Parameter answers: to its requests, in the order they come; the last one also to all that follow.
    static func with(
        _ answers: [Answer], certificate: TestCertificate? = nil, body: (ScriptedReceiver) async throws -> Void
    ) async throws {
        let receiver = ScriptedReceiver(answers)
        let context = try certificate?.serverContext
        let group = MultiThreadedEventLoopGroup.singleton
        let server = try await ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let context {
                        try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context))
                    }
                    try channel.pipeline.syncOperations.addHandler(Handler(receiver))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        receiver.port.withLock { $0 = server.localAddress?.port ?? 0 }
        do {
            try await body(receiver)
            try await server.close()
        } catch {
            try await server.close()
            throw error
        }
    }

    private init(_ answers: [Answer]) {
        self.answers = answers
    }

    private func accepted() {
        counts.withLock { counts in
            counts.opened += 1
            counts.open += 1
        }
    }

    private func closed() { counts.withLock { $0.open -= 1 } }

    private func answer(to request: String) -> Answer {
        counts.withLock { counts in
            counts.requests.append(request)
            return answers[min(counts.requests.count, answers.count) - 1]
        }
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let receiver: ScriptedReceiver
        private var text = ""

        init(_ receiver: ScriptedReceiver) {
            self.receiver = receiver
        }

        func channelActive(context: ChannelHandlerContext) { receiver.accepted() }

        func channelInactive(context: ChannelHandlerContext) { receiver.closed() }

        /// A client that does not trust the certificate, or that closes in the middle of an answer, is no fault here.
        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            text += String(buffer: unwrapInboundIn(data))
            guard text.isWholeRequest else { return }
            let answer = receiver.answer(to: text)
            text = ""
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: answer.bytes)), promise: nil)
            if let more = answer.endless {
                pour(ByteBuffer(string: String(repeating: more, count: 1 + 4_096 / more.utf8.count)), context)
            }
            if answer.closes { context.close(promise: nil) }
        }

        /// With pauses, or a connection would keep its loop, which others share, for itself.
        private func pour(_ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
            let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
            context.writeAndFlush(wrapOutboundOut(bytes)).whenSuccess {
                bound.eventLoop.scheduleTask(in: .milliseconds(1)) {
                    bound.value.handler.pour(bytes, bound.value.context)
                }
            }
        }
    }
}

extension ScriptedReceiver.Answer {
    static let ok = Self(bytes: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
    /// Nothing at all; the connection stays open.
    static let silence = Self(bytes: "")
}

extension String {
    /// Whether head and announced body are there.
    fileprivate var isWholeRequest: Bool {
        guard let head = range(of: "\r\n\r\n") else { return false }
        let length = self[..<head.lowerBound].split(separator: "\r\n")
            .first { $0.lowercased().hasPrefix("content-length:") }
            .flatMap { Int($0.dropFirst(15).trimmingCharacters(in: .whitespaces)) }
        return self[head.upperBound...].utf8.count >= length ?? 0
    }
}
