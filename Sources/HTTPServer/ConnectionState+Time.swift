import NIOCore

// Time, and the server's end.
extension ConnectionState {
    /// The server stops: what was asked in full is answered, what is being read gets a moment.
    mutating func stop(now: NIODeadline) -> Action {
        stopBy = now + limits.stopAnswerTimeout
        switch reading {
        case .idle, .head: reading = .ended
        case .body(let exchange, let until):
            reading = .body(exchange, until: min(until, now + limits.stopReadTimeout))
        case .upgrading, .ended, .closed: break
        }
        switch answering {
        case .nothing: return isLast ? close() : .nothing
        case .lingering(let until, let bytesLeft):
            answering = .lingering(until: min(until, now + limits.stopReadTimeout), bytesLeft: bytesLeft)
            return .nothing
        case .streaming(let until?):
            // A client that does not read what it was sent has no more time than one that does not send.
            answering = .streaming(until: min(until, now + limits.stopReadTimeout))
            return .nothing
        case .handling, .writing, .streaming, .blocked, .over: return .nothing
        }
    }

    var bodyTimeout: TimeAmount { stopBy == nil ? limits.bodyTimeout : limits.stopReadTimeout }

    /// When `tick` is due.
    var deadline: NIODeadline? {
        guard let answeringDeadline else { return readingDeadline }
        return readingDeadline.map { min($0, answeringDeadline) } ?? answeringDeadline
    }

    private var answeringDeadline: NIODeadline? {
        switch answering {
        case .nothing, .over: nil
        case .handling, .writing: stopBy
        case .streaming(let until): until.map { min($0, stopBy ?? $0) } ?? stopBy
        case .blocked(let until), .lingering(let until, _): min(until, stopBy ?? until)
        }
    }

    private var readingDeadline: NIODeadline? {
        switch reading {
        case .idle(let until): isAnswering ? nil : until
        case .head(let until), .body(_, let until): isReadingOn ? until : nil
        case .upgrading, .ended, .closed: nil
        }
    }

    mutating func tick(now: NIODeadline) -> Action {
        if let answeringDeadline, answeringDeadline <= now { return close() }
        guard let readingDeadline, readingDeadline <= now else { return .nothing }
        switch reading {
        case .head, .body: return refuse(.tooSlow, now: now)
        case .idle, .upgrading, .ended, .closed: return close()
        }
    }

    /// What becomes of the bytes that come.
    enum Intake {
        case parsing
        /// They are kept: enough is there to be done.
        case pausing
        /// They are kept for the handlers of another protocol.
        case handingOver
        case dropping
    }

    var intake: Intake {
        switch (reading, answering) {
        case (.upgrading, _): .handingOver
        case (.ended, _), (.closed, _), (_, .lingering), (_, .over): .dropping
        case (_, .blocked): .pausing
        case (.idle, _), (.head, _), (.body, _): isFull ? .pausing : .parsing
        }
    }

    /// More may be read from the client.
    var isReadingOn: Bool {
        switch (intake, answering) {
        case (.parsing, _), (.dropping, .lingering): true
        case (.pausing, _), (.handingOver, _), (.dropping, _): false
        }
    }

    /// No more is read ahead.
    var isFull: Bool { waiting.count >= limits.requestsAheadMax || waitingBytes >= limits.bodyBytesMax }
}
