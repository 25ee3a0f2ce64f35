import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization

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
    let tls: NIOSSLContext?

    func configure(
        _ pipeline: ChannelPipeline.SynchronousOperations, _ connection: ReceiverConnection
    ) throws {
        if let tls {
            // An address is no name that could be asked for; certificates are checked against it all the same.
            let name = (try? SocketAddress(ipAddress: host, port: port)) == nil ? host : nil
            try pipeline.addHandler(NIOSSLClientHandler(context: tls, serverHostname: name))
        }
        var framing = HTTPRequestEncoder.Configuration()
        framing.automaticallySetFramingHeaders = false
        try pipeline.addHandlers([
            HTTPRequestEncoder(configuration: framing), ByteToMessageHandler(HTTPResponseDecoder()), connection,
        ])
    }
}

/// Posts to one receiver over connections that are kept open. A small HTTP/1.1 client of its own, because what the
/// general one does for each request costs more than all the rest of a delivery.
struct ReceiverClient: Sendable {
    private struct Lane: Sendable {
        let eventLoop: any EventLoop
        let pool: NIOLoopBoundBox<ReceiverPool>
    }

    private final class Turn: Sendable {
        let next = Atomic(0)
    }

    private let lanes: [Lane]
    private let turn = Turn()

    init(to receiver: ReceiverAddress, spareMax: Int, eventLoopGroup: any EventLoopGroup) {
        lanes = eventLoopGroup.makeIterator().map { eventLoop in
            Lane(
                eventLoop: eventLoop,
                pool: .makeBoxSendingValue(
                    ReceiverPool(eventLoop: eventLoop, receiver: receiver, spareMax: spareMax), eventLoop: eventLoop))
        }
    }

    func send(_ request: ReceiverRequest, deadline: NIODeadline) async -> ReceiverAnswer {
        let turn = turn.next.wrappingAdd(1, ordering: .relaxed).newValue
        let lane = lanes[Int(UInt(bitPattern: turn) % UInt(lanes.count))]
        return await withCheckedContinuation { answer in
            let exchange = Exchange(request: request, deadline: deadline, answer: answer)
            lane.eventLoop.execute { lane.pool.value.send(exchange) }
        }
    }

    /// Ends all connections; requests that wait are told so.
    func close() async {
        for lane in lanes {
            try? await lane.eventLoop.submit { lane.pool.value.close() }.get()
        }
    }
}
