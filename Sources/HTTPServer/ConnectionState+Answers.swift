import DequeModule
import NIOCore

// What becomes of the answers.
extension ConnectionState {
    mutating func answered(_ response: HTTPServerResponse) -> Action {
        switch answering {
        case .handling(var form):
            form.isLast = isLast
            endsWithInput = response.isEndless
            answering = if case .stream = response.body { .streaming(until: nil) } else { .writing }
            return .write(response, form)
        case .nothing, .writing, .streaming, .blocked, .lingering, .over: return .nothing
        }
    }

    /// The answer is with the channel, a stream to its end.
    mutating func wrote(isWritable: Bool, now: NIODeadline) -> Action {
        switch answering {
        case .writing, .streaming:
            guard isWritable else {
                answering = .blocked(until: now + limits.writeTimeout)
                return .nothing
            }
            answering = .nothing
            return advance(now)
        case .nothing, .handling, .blocked, .lingering, .over: return .nothing
        }
    }

    /// A part of a stream waits for the client to read.
    mutating func streamBlocked(now: NIODeadline) {
        switch answering {
        case .streaming: answering = .streaming(until: now + limits.writeTimeout)
        case .nothing, .handling, .writing, .blocked, .lingering, .over: break
        }
    }

    /// The client has read most of what it was sent.
    mutating func becameWritable(now: NIODeadline) -> Action {
        switch answering {
        case .blocked:
            answering = .nothing
            restartReading(now)
            return advance(now)
        case .streaming:
            answering = .streaming(until: nil)
            return .nothing
        case .nothing, .handling, .writing, .lingering, .over: return .nothing
        }
    }

    /// Starts with the next answer, if none is under way.
    mutating func advance(_ now: NIODeadline) -> Action {
        switch answering {
        case .nothing: break
        case .handling, .writing, .streaming, .blocked, .lingering, .over: return .nothing
        }
        let wasFull = isFull
        guard let exchange = waiting.popFirst() else { return rest(now) }
        waitingBytes -= exchange.bodyBytes
        if wasFull, !isFull { restartReading(now) }
        answering = .handling(exchange.form)
        switch exchange.work {
        case .handle(let handler):
            guard let request = exchange.request else { preconditionFailure("a handler is asked about a request") }
            return .run(request, handler)
        case .answer(let response): return answered(response)
        case .refuse(let refusal): return .refuse(refusal, exchange.request)
        case .upgrade(let upgrade):
            if case .closed = reading { return close() }
            answering = .over
            return .upgrade(upgrade)
        }
    }

    /// No answer is due.
    private mutating func rest(_ now: NIODeadline) -> Action {
        switch reading {
        case .idle:
            reading = .idle(until: now + limits.idleTimeout)
            return .nothing
        case .body where owesContinue:
            owesContinue = false
            return .sayContinue
        case .head, .body, .upgrading: return .nothing
        case .ended:
            let timeout = stopBy == nil ? limits.lingerTimeout : limits.stopReadTimeout
            answering = .lingering(until: now + timeout, bytesLeft: limits.lingerBytesMax)
            return .linger
        case .closed: return close()
        }
    }

    /// While reading paused the client could not send.
    private mutating func restartReading(_ now: NIODeadline) {
        switch reading {
        case .head: reading = .head(until: now + limits.headTimeout)
        case .body(let exchange, _): reading = .body(exchange, until: now + bodyTimeout)
        case .idle, .upgrading, .ended, .closed: break
        }
    }

    mutating func close() -> Action {
        answering = .over
        waiting.removeAll()
        waitingBytes = 0
        reading = .closed
        return .close
    }

    var isAnswering: Bool {
        switch answering {
        case .nothing: !waiting.isEmpty
        case .handling, .writing, .streaming, .blocked, .lingering, .over: true
        }
    }

    /// Nothing is answered behind what is under way.
    var isLast: Bool {
        switch reading {
        case .ended, .closed: waiting.isEmpty
        case .idle, .head, .body, .upgrading: false
        }
    }
}
