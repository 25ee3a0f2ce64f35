/// What one connection to the receiver is doing, apart from its I/O.
///
/// An answer counts when its head is there. Its body is only read so that the connection can be used again; one that
/// is long, slow or cut off costs the connection, never an attempt.
struct ConnectionState {
    /// How much of an answer's body is read. One longer than this closes the connection.
    static let bodyBytesMax = 65_536

    private enum State {
        /// Open; nothing is asked.
        case free
        /// A request was sent, no head has come.
        case waiting
        /// The head was taken; the rest of the answer is read and thrown away.
        case draining(bytesLeft: Int, staysOpen: Bool)
        case closed
    }

    enum Step: Equatable {
        case nothing
        /// Hand the head to who waits.
        case answer
        /// Tell who waits that there is no answer, then close.
        case failAndClose
        case close
        /// The connection can take the next request.
        case free
    }

    private var state = State.free

    /// A request goes out. Only on a free connection.
    mutating func start() {
        guard case .free = state else { preconditionFailure("a request on a connection that is \(state)") }
        state = .waiting
    }

    /// - Parameter staysOpen: whether the receiver lets the connection be used again.
    mutating func head(staysOpen: Bool) -> Step {
        guard case .waiting = state else { return abandon() }
        state = .draining(bytesLeft: Self.bodyBytesMax, staysOpen: staysOpen)
        return .answer
    }

    mutating func body(bytes: Int) -> Step {
        guard case .draining(let bytesLeft, let staysOpen) = state, bytes <= bytesLeft else { return abandon() }
        state = .draining(bytesLeft: bytesLeft - bytes, staysOpen: staysOpen)
        return .nothing
    }

    mutating func end() -> Step {
        guard case .draining(_, true) = state else { return abandon() }
        state = .free
        return .free
    }

    /// Something the receiver sent cannot be, the time is up, or the connection was lost: it is of no more use.
    mutating func abandon() -> Step {
        defer { state = .closed }
        switch state {
        case .waiting: return .failAndClose
        case .free, .draining: return .close
        case .closed: return .nothing
        }
    }
}
