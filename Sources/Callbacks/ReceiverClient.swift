import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import PresenceCore

/// A request ready to be sent.
struct ReceiverRequest: Sendable {
    let head: HTTPRequestHead
    let body: ByteBuffer
}

/// What came of a request.
enum ReceiverAnswer: Sendable {
    case head(HTTPResponseHead)
    /// Something came that is no HTTP.
    case noHTTP
    /// Nothing came before the deadline.
    case timeout
    /// Nothing will come: no connection, or one that ended.
    case none(String)

    static let closed = ReceiverAnswer.none("the connection was closed")

    init(_ error: any Error) {
        switch error {
        case HTTPParserError.invalidEOFState, NIOSSLError.uncleanShutdown: self = .closed
        case is HTTPParserError, is NIOHTTPDecoderError: self = .noHTTP
        case ChannelError.connectTimeout: self = .timeout
        case let error as NIOConnectionError:
            switch error.connectionErrors.first?.error {
            case .some(let first): self = ReceiverAnswer(first)
            case nil: self = .none("\(error.dnsAError ?? error.dnsAAAAError ?? error)")
            }
        default: self = .none("\(error)")
        }
    }
}

/// Where the receiver listens.
struct ReceiverAddress: Sendable {
    let host: String
    let port: Int
    /// nil for plain HTTP.
    let tls: Replaceable<NIOSSLContext>?

    func configure(
        _ pipeline: ChannelPipeline.SynchronousOperations, _ connection: ReceiverConnection
    ) throws {
        if let tls {
            // An address is no name that could be asked for; certificates are checked against it all the same.
            let name = (try? SocketAddress(ipAddress: host, port: port)) == nil ? host : nil
            try pipeline.addHandler(NIOSSLClientHandler(context: tls.current, serverHostname: name))
        }
        var framing = HTTPRequestEncoder.Configuration()
        framing.automaticallySetFramingHeaders = false
        try pipeline.addHandlers([
            HTTPRequestEncoder(configuration: framing), ByteToMessageHandler(HTTPResponseDecoder()), connection,
        ])
    }
}

/// Posts to one receiver over connections that are kept open. A small HTTP/1.1 client of its own, because
/// AsyncHTTPClient takes 70 to 115 us of CPU for each (measured with nothing built and no body read), this one about 20.
///
/// One event loop has all connections, so there are no more than deliveries need; 10 000 requests a second take less
/// than a quarter of its time.
struct ReceiverClient: Sendable {
    private let eventLoop: any EventLoop
    private let pool: NIOLoopBoundBox<ReceiverPool>

    init(to receiver: ReceiverAddress, connectionsMax: Int, eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
        pool = .makeBoxSendingValue(
            ReceiverPool(eventLoop: eventLoop, receiver: receiver, connectionsMax: connectionsMax),
            eventLoop: eventLoop)
    }

    /// Ends by the deadline, however the task is cancelled.
    func send(_ request: ReceiverRequest, deadline: NIODeadline) async -> ReceiverAnswer {
        await withCheckedContinuation { answer in
            let exchange = Exchange(request: request, deadline: deadline, answer: answer)
            eventLoop.execute { pool.value.send(exchange) }
        }
    }

    /// Ends all connections; requests that wait are told so.
    func close() async {
        try? await eventLoop.submit { pool.value.close() }.get()
    }
}
