import Logging
import NIOCore

/// Sends commands over the channel there is, and hands their replies to the callers: performs what `CommandQueue`
/// decides. Used on its event loop only.
final class CommandSender {
    typealias Answer = Result<[RedisValue], RedisError>
    typealias Caller = CheckedContinuation<Answer, Never>
    typealias Batch = CommandQueue<Caller>.Batch

    private let eventLoop: any EventLoop
    private let logger: Logger
    private var queue: CommandQueue<Caller>
    private var channel: (any Channel)?
    private var isWriteScheduled = false
    private var isTimerSet = false

    init(on eventLoop: any EventLoop, commandsMax: Int, logger: Logger) {
        self.eventLoop = eventLoop
        self.logger = logger
        queue = CommandQueue(commandsMax: commandsMax)
    }

    func enqueue(_ batch: Batch) {
        switch queue.enqueue(batch) {
        case .refuse(let error): return batch.token.resume(returning: .failure(error))
        case .wait: break
        case .write: scheduleWrite()
        }
        setTimer()
    }

    /// Whatever is queued before the scheduled task runs goes out in the same write.
    private func scheduleWrite() {
        guard !isWriteScheduled else { return }
        isWriteScheduled = true
        eventLoop.assumeIsolated().execute { self.write() }
    }

    func write() {
        isWriteScheduled = false
        guard let channel, let bytes = queue.write() else { return }
        channel.writeAndFlush(bytes, promise: nil)
    }

    func receive(_ values: [RedisValue]) {
        // It leads to a former master; a new one may lead elsewhere. The others learn it by themselves.
        defer {
            if values.contains(where: { $0.error?.kind == .readOnly }) {
                drop("Redis connection dropped: the server is no longer a master")
            }
        }
        let action = queue.receive(values)
        for (caller, replies) in action.answered { caller.resume(returning: .success(replies)) }
        if action.close { return drop("Redis connection dropped: the server sent a reply nobody asked for") }
        closeIfDrained()
    }

    /// One timer per connection: set for the oldest command, it looks again when it fires.
    private func setTimer() {
        guard !isTimerSet, let deadline = queue.nextDeadline else { return }
        isTimerSet = true
        eventLoop.assumeIsolated().scheduleTask(deadline: deadline) { self.expire() }
    }

    private func expire() {
        isTimerSet = false
        let action = queue.expire(now: .now())
        fail(action.notSent, with: .unreachable)
        if action.close { drop("Redis connection dropped: no answer within the deadline") }
        setTimer()
    }

    private func fail(_ callers: [Caller], with error: RedisError) {
        for caller in callers { caller.resume(returning: .failure(error)) }
    }
}

// The life of a channel.
extension CommandSender {
    /// Introduces us over a channel just opened, ahead of all that waits.
    func greet(_ channel: any Channel, with batch: Batch) {
        let bytes = queue.greet(with: batch)
        self.channel = channel
        channel.writeAndFlush(bytes, promise: nil)
        channel.closeFuture.assumeIsolated().whenComplete { _ in self.disconnected(from: channel) }
        setTimer()
    }

    /// The greeting was answered: call `write()`, unless the server refused us.
    func greeted(refusal: RedisError?) {
        guard let refusal else { return queue.greeted() }
        fail(queue.refused(refusal), with: refusal)
        channel?.close(promise: nil)
    }

    private func disconnected(from closed: any Channel) {
        guard closed === channel else { return }
        channel = nil
        fail(queue.disconnected(), with: .answerLost)
    }

    private func drop(_ reason: Logger.Message) {
        guard let channel else { return }
        logger.warning(reason)
        disconnected(from: channel)
        channel.close(promise: nil)
    }

    /// Takes no more commands; what an open channel still owes is waited for.
    func shutdown() {
        fail(queue.shutdown(), with: .clientClosed)
        closeIfDrained()
    }

    func closeIfDrained() {
        if queue.isDrained { channel?.close(promise: nil) }
    }
}

extension RedisError {
    static let unreachable = RedisError(
        .notSent, "Redis cannot be reached. Check that it runs and that redis.url names it.")
    static let answerLost = RedisError(
        .unknown, "The connection to Redis was lost before the answer came. Try again.")
}
