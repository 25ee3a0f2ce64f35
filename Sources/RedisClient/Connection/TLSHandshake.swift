import Foundation
import NIOCore
import NIOSSL
import NIOTLS
import Synchronization

/// Tells when the handshake of a connection is over, and remembers why TLS failed, then or later: a server that refuses
/// our certificate says so after it.
final class TLSHandshake: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer

    private let completion: EventLoopPromise<Void>
    private let firstFault = Mutex<TLSFault?>(nil)

    init(on eventLoop: any EventLoop) { completion = eventLoop.makePromise() }

    /// Succeeds when the server may be spoken to.
    var completed: EventLoopFuture<Void> { completion.futureResult }

    var fault: TLSFault? { firstFault.withLock(\.self) }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted? = event as? TLSUserEvent { completion.succeed() }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        let certificate = try? context.pipeline.syncOperations.nioSSL_peerCertificate()
        let validity = certificate.map { (from: Int($0.notValidBefore), to: Int($0.notValidAfter)) }
        let fault = TLSFault(error, validity: validity, now: Int(Date.now.timeIntervalSince1970))
        firstFault.withLock { if $0 == nil { $0 = fault } }
        completion.fail(error)
        context.fireErrorCaught(error)
    }

    /// Also of a channel that was never connected.
    func handlerRemoved(context: ChannelHandlerContext) { completion.fail(ChannelError.eof) }
}
