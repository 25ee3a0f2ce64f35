import DequeModule
import NIOCore
import NIOHTTP1

/// What one connection does next. Events go in, an action comes out; time is passed in.
///
/// Requests are read ahead of the answers and wait in order, whatever is to be answered: a refusal too, behind which
/// nothing is read. One answer is under way at a time.
struct ConnectionState: ~Copyable {
    enum Action {
        case nothing
        /// Ask the handler, then `answered`.
        case run(HTTPServerRequest, HTTPServerHandler)
        /// Make the answer, then `answered`.
        case refuse(HTTPRefusal, HTTPServerRequest?)
        /// Write it, then `wrote`; of a stream the head, then `wrote` behind its end.
        case write(HTTPServerResponse, Form)
        /// Write an interim answer 100.
        case sayContinue
        /// Hand the connection over.
        case upgrade(HTTPServerUpgrade)
        /// Close our side; the client's is read on.
        case linger
        case close
    }

    /// What of its request an answer depends on, and what is told of it in the figures.
    struct Form {
        var isToHEAD = false
        var isHTTP10 = false
        /// The connection ends behind it.
        var isLast = false
        /// nil where there is no head that could be read.
        var method: HTTPMethod?
        var route: RouteFigures?
        var receivedAt: NIODeadline?
    }

    enum Reading {
        /// Nothing of the next request is there.
        case idle(until: NIODeadline)
        case head(until: NIODeadline)
        case body(Exchange, until: NIODeadline)
        /// What comes belongs to another protocol.
        case upgrading
        /// No further request is served.
        case ended
        /// The client has closed its side.
        case closed
    }

    enum Answering {
        case nothing
        case handling(Form)
        case writing
        case streaming(until: NIODeadline?)
        /// The client does not read what it was sent.
        case blocked(until: NIODeadline)
        /// The last answer is out.
        case lingering(until: NIODeadline, bytesLeft: Int)
        /// Closed, or something else than HTTP.
        case over
    }

    struct Exchange {
        enum Work {
            case handle(HTTPServerHandler)
            case answer(HTTPServerResponse)
            case refuse(HTTPRefusal)
            case upgrade(HTTPServerUpgrade)
        }

        var request: HTTPServerRequest?
        var work: Work

        var form: Form {
            guard let request else { return Form() }
            return Form(
                isToHEAD: request.method == .HEAD, isHTTP10: request.isHTTP10, method: request.method,
                route: request.route, receivedAt: request.receivedAt)
        }
        var keepsAlive: Bool { request?.keepsAlive ?? false }
        var bodyBytes: Int { request?.body.readableBytes ?? 0 }
    }

    let limits: HTTPServerLimits
    var reading: Reading
    var answering = Answering.nothing
    var waiting: Deque<Exchange> = []
    /// Of the bodies of those that wait.
    var waitingBytes = 0
    /// Of the request that is being read; of one whose answer is known only the size.
    var body = ByteBuffer()
    var bodyBytes = 0
    var owesContinue = false
    var isFirst = true
    /// The answer under way is a stream that ends when the client closes its side.
    var endsWithInput = false
    var stopBy: NIODeadline?

    init(limits: HTTPServerLimits, now: NIODeadline) {
        self.limits = limits
        reading = .idle(until: now + limits.firstHeadTimeout)
    }
}

// What the client sends.
extension ConnectionState {
    /// Bytes came, but not yet a head.
    mutating func receivedBytes(now: NIODeadline) {
        switch reading {
        case .idle(let until): reading = .head(until: isFirst ? until : now + limits.headTimeout)
        case .head, .body, .upgrading, .ended, .closed: break
        }
    }

    mutating func received(
        _ request: HTTPServerRequest, _ decision: HTTPServerDecision, now: NIODeadline
    ) -> Action {
        switch reading {
        case .idle, .head: break
        case .body, .upgrading, .ended, .closed: return .nothing
        }
        isFirst = false
        let exchange = Exchange(request: request, decision: decision)
        if case .bytes(let count) = request.length, count > limits.bodyBytesMax { return refuse(exchange, now) }
        if case .answer = decision, request.expectsContinue {
            // A client that gets its answer instead of the go-ahead may send the body or not: nobody can tell.
            return answerLast(exchange, now)
        }
        reading = .body(exchange, until: now + bodyTimeout)
        guard request.expectsContinue else { return .nothing }
        if isAnswering {
            owesContinue = true
            return .nothing
        }
        return .sayContinue
    }

    mutating func received(_ bytes: ByteBuffer, now: NIODeadline) -> Action {
        switch reading {
        case .body(let exchange, _):
            bodyBytes += bytes.readableBytes
            guard bodyBytes <= limits.bodyBytesMax else { return refuse(exchange, now) }
            owesContinue = false
            if case .handle = exchange.work { keep(bytes) }
            return .nothing
        case .idle, .head, .upgrading, .ended, .closed: return .nothing
        }
    }

    /// The request is there to its end.
    mutating func receivedEnd(now: NIODeadline) -> Action {
        switch reading {
        case .body(var exchange, _):
            exchange.request?.body = body
            forgetBody()
            enqueue(exchange)
            if case .upgrade = exchange.work {
                reading = .upgrading
            } else if !exchange.keepsAlive || stopBy != nil {
                reading = .ended
            } else {
                reading = .idle(until: now + limits.idleTimeout)
            }
            return advance(now)
        case .idle, .head, .upgrading, .ended, .closed: return .nothing
        }
    }

    /// What came is not to be served: it is answered in its turn, and nothing behind it is read.
    mutating func refuse(_ refusal: HTTPRefusal, now: NIODeadline) -> Action {
        switch reading {
        case .idle, .head: answerLast(Exchange(refusal: refusal), now)
        case .body(let exchange, _): answerLast(exchange.refused(refusal), now)
        case .upgrading, .ended, .closed: .nothing
        }
    }

    /// Its body is too large; where the answer is known already that one counts.
    private mutating func refuse(_ exchange: Exchange, _ now: NIODeadline) -> Action {
        if case .answer = exchange.work { return answerLast(exchange, now) }
        return answerLast(exchange.refused(.bodyTooLarge), now)
    }

    private mutating func answerLast(_ exchange: Exchange, _ now: NIODeadline) -> Action {
        reading = .ended
        forgetBody()
        enqueue(exchange)
        return advance(now)
    }

    private mutating func enqueue(_ exchange: Exchange) {
        waiting.append(exchange)
        waitingBytes += exchange.bodyBytes
    }

    private mutating func keep(_ bytes: ByteBuffer) {
        if body.readableBytes == 0 { body = bytes } else { body.writeImmutableBuffer(bytes) }
    }

    private mutating func forgetBody() {
        body = ByteBuffer()
        bodyBytes = 0
        owesContinue = false
    }

    /// So many bytes came while reading pauses that no more are kept: what stands in them is not served.
    mutating func receivedTooMuch() -> Action {
        switch reading {
        case .idle, .head, .body: reading = .ended
        case .upgrading, .ended, .closed: break
        }
        forgetBody()
        return .nothing
    }

    /// The client has closed its side: what it asked for in full is answered.
    mutating func inputClosed(now: NIODeadline) -> Action {
        reading = .closed
        forgetBody()
        switch answering {
        case .nothing, .lingering: return close()
        case .streaming where endsWithInput: return close()
        case .handling, .writing, .streaming, .blocked, .over: return .nothing
        }
    }

    /// Bytes that nobody wants.
    mutating func dropped(bytes: Int) -> Action {
        switch answering {
        case .lingering(let until, let bytesLeft):
            answering = .lingering(until: until, bytesLeft: bytesLeft - bytes)
            return bytes > bytesLeft ? close() : .nothing
        case .nothing, .handling, .writing, .streaming, .blocked, .over: return .nothing
        }
    }
}

extension ConnectionState.Exchange {
    fileprivate init(request: HTTPServerRequest, decision: HTTPServerDecision) {
        self.request = request
        work =
            switch decision {
            case .handle(let handler): .handle(handler)
            case .answer(let response): .answer(response)
            case .upgrade(let upgrade): .upgrade(upgrade)
            }
    }

    fileprivate init(refusal: HTTPRefusal) {
        work = .refuse(refusal)
    }

    fileprivate func refused(_ refusal: HTTPRefusal) -> Self {
        var exchange = self
        exchange.work = .refuse(refusal)
        return exchange
    }
}
