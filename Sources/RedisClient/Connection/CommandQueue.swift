import NIOCore

/// The commands of one event loop for one server, across all losses and returns of their connection: what waits to be
/// written and what awaits an answer. Decides everything and does nothing: every verb returns what is to be done. Time
/// is passed in.
///
/// All batches have the same time to live, so the oldest is always the first to expire.
struct CommandQueue<Token> {
    /// Commands that are written together and answered together.
    struct Batch {
        /// Whoever gets the answer.
        let token: Token
        let bytes: ByteBuffer
        let replyCount: Int
        let deadline: NIODeadline
    }

    private struct Written {
        let token: Token
        let replyCount: Int
        let deadline: NIODeadline
    }

    private enum Connection {
        case down
        /// The greeting is written; nothing else may be before it is answered.
        case greeting
        case up
    }

    private var connection = Connection.down
    /// Why commands do not wait for the connection: it has been away for too long, or waiting changes nothing.
    private var refusal: RedisError?
    /// Since when there has been no connection, as far as anybody tried.
    private var downSince: NIODeadline?
    private var ending: RedisError?
    private var waiting = CircularBuffer<Batch>()
    private var written = CircularBuffer<Written>()
    /// The replies of the first written batch that have arrived.
    private var replies: [RedisResult] = []
    private var commandCount = 0
    private let commandsMax: Int
    private let patience: TimeAmount

    /// - Parameters:
    ///   - commandsMax: that wait or await an answer.
    ///   - patience: how long the connection may be away before commands are refused at once.
    init(commandsMax: Int, patience: TimeAmount) {
        self.commandsMax = commandsMax
        self.patience = patience
    }

    /// When `expire(now:)` has something to do; nil while nothing is queued.
    var nextDeadline: NIODeadline? {
        [waiting.first?.deadline, written.first?.deadline].compactMap(\.self).min()
    }

    /// Nothing more will happen: the connection may be closed.
    var isDrained: Bool { ending != nil && written.isEmpty && waiting.isEmpty }

    enum EnqueueAction {
        /// Call `write()` before this turn of the event loop ends.
        case write
        case wait
        case refuse(RedisError)
    }

    mutating func enqueue(_ batch: Batch) -> EnqueueAction {
        if let error = ending ?? refusal { return .refuse(error) }
        guard commandCount + batch.replyCount <= commandsMax else { return .refuse(.queueFull) }
        append(batch)
        guard case .up = connection else { return .wait }
        return .write
    }

    private mutating func append(_ batch: Batch) {
        commandCount += batch.replyCount
        waiting.append(batch)
    }

    /// A connection is open: returns the bytes that introduce us, ahead of all that waits.
    mutating func greet(with batch: Batch) -> ByteBuffer {
        guard written.isEmpty else { preconditionFailure("commands are written to one connection at a time") }
        connection = .greeting
        commandCount += batch.replyCount
        written.append(Written(token: batch.token, replyCount: batch.replyCount, deadline: batch.deadline))
        return batch.bytes
    }

    /// The greeting was accepted: call `write()`.
    mutating func greeted() {
        // It may be lost again already.
        guard case .greeting = connection else { return }
        connection = .up
        refusal = nil
        downSince = nil
    }

    /// An attempt to connect came to nothing: returns those who need not wait for the next.
    mutating func failed(_ error: RedisError, now: NIODeadline) -> [Token] {
        let since = downSince ?? now
        downSince = since
        guard !error.passesSoon || since + patience <= now else { return [] }
        refusal = error
        return takeWaiting()
    }

    /// Everything that waits, as one buffer; nil if there is nothing to write or no connection to write to.
    mutating func write() -> ByteBuffer? {
        guard case .up = connection, let first = waiting.first else { return nil }
        defer { waiting.removeAll(keepingCapacity: true) }
        for batch in waiting { note(batch) }
        if waiting.count == 1 { return first.bytes }
        var bytes = ByteBuffer()
        bytes.reserveCapacity(waiting.reduce(0) { $0 + $1.bytes.readableBytes })
        for batch in waiting { bytes.writeImmutableBuffer(batch.bytes) }
        return bytes
    }

    private mutating func note(_ batch: Batch) {
        written.append(Written(token: batch.token, replyCount: batch.replyCount, deadline: batch.deadline))
    }

    struct ReceiveAction {
        /// Who has all replies, in the order they were written.
        var answered: [(token: Token, replies: [RedisResult])] = []
        /// Nobody asked for the rest: the connection cannot be trusted.
        var close = false
    }

    /// Takes the replies that arrived together.
    mutating func receive(_ results: [RedisResult]) -> ReceiveAction {
        var action = ReceiveAction()
        var rest = results[...]
        while !rest.isEmpty {
            guard let batch = written.first else {
                action.close = true
                break
            }
            let taken = rest.prefix(batch.replyCount - replies.count)
            rest = rest.dropFirst(taken.count)
            if taken.count == results.count, replies.isEmpty { replies = results } else { replies += taken }
            guard replies.count == batch.replyCount else { break }
            action.answered.append((batch.token, replies))
            replies = []
            written.removeFirst()
            commandCount -= batch.replyCount
        }
        return action
    }

    struct ExpireAction {
        /// These were never written.
        let notSent: [Token]
        /// The server owes an answer past its deadline: close the connection and call `disconnected(now:)`.
        let close: Bool
    }

    mutating func expire(now: NIODeadline) -> ExpireAction {
        var notSent: [Token] = []
        while let batch = waiting.first, batch.deadline <= now {
            commandCount -= batch.replyCount
            notSent.append(waiting.removeFirst().token)
        }
        return ExpireAction(notSent: notSent, close: written.first.map { $0.deadline <= now } ?? false)
    }

    /// The connection is gone: returns those whose commands had been written, their fate unknown.
    /// What was not written waits for the next connection.
    mutating func disconnected(now: NIODeadline) -> [Token] {
        connection = .down
        if downSince == nil { downSince = now }
        defer { written.removeAll() }
        replies = []
        commandCount -= written.reduce(0) { $0 + $1.replyCount }
        return written.map(\.token)
    }

    /// Takes no more commands: they are refused with this error. Returns those that would need another connection;
    /// what an open connection still owes is waited for.
    mutating func end(with error: RedisError) -> [Token] {
        ending = error
        if case .up = connection { return [] }
        return takeWaiting()
    }

    private mutating func takeWaiting() -> [Token] {
        defer { waiting.removeAll() }
        commandCount -= waiting.reduce(0) { $0 + $1.replyCount }
        return waiting.map(\.token)
    }
}

extension CommandQueue.Batch: Sendable where Token: Sendable {}

extension RedisError {
    static let clientClosed = RedisError(.closed, "The Redis client is closed. Start the service again.")
    /// The server has been taken out of use, and another one has taken its place.
    static let retired = RedisError(.notSent, "Redis has changed its master. Try again.")
    static let queueFull = RedisError(
        .notSent, "Too many commands wait for Redis. Try again later, and check that Redis keeps up.")
}
