import Logging
import NIOCore

/// Sends commands over the channel there is, and hands their replies to the callers: performs what `CommandQueue`
/// decides. Used on its event loop only.
final class CommandSender {
    typealias Caller = CheckedContinuation<Result<[RedisResult], RedisError>, Never>
    typealias Batch = CommandQueue<Caller>.Batch

    private let eventLoop: any EventLoop
    private let logger: Logger
    private var queue: CommandQueue<Caller>
    private var channel: (any Channel)?
    /// Which connection this is: what an earlier one still delivers changes nothing.
    private var epoch = 0
    private var isWriteScheduled = false
    private var isTimerSet = false
    /// No answer came since a connection was dropped for want of one.
    private var isSilenceTold = false

    init(on eventLoop: any EventLoop, options: RedisClientOptions, logger: Logger) {
        self.eventLoop = eventLoop
        self.logger = logger
        queue = CommandQueue(
            commandsMax: options.commandsQueuedMax, patience: TimeAmount(options.commandDeadline))
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

    private func write() {
        isWriteScheduled = false
        guard let channel, let bytes = queue.write() else { return }
        channel.writeAndFlush(bytes, promise: nil)
    }

    /// Takes replies that arrived on the connection of this epoch.
    func receive(_ results: [RedisResult], in epoch: Int) {
        guard epoch == self.epoch, channel != nil else { return }
        isSilenceTold = false
        let action = queue.receive(results)
        for (caller, replies) in action.answered { caller.resume(returning: .success(replies)) }
        if action.close { return drop("Redis connection dropped: the server sent a reply nobody asked for") }
        // It leads to a former master; a new one may lead elsewhere. The others learn it by themselves.
        if results.contains(where: { $0.rejection == .readOnly }) {
            return drop("Redis connection dropped: the server is no longer a master")
        }
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
        // A server that stays silent is worth one line, not one for each connection tried.
        if action.close {
            drop("Redis connection dropped: no answer within the deadline", level: isSilenceTold ? .debug : .warning)
            isSilenceTold = true
        }
        setTimer()
    }

    private func fail(_ callers: [Caller], with error: RedisError) {
        for caller in callers { caller.resume(returning: .failure(error)) }
    }
}

// The life of a channel.
extension CommandSender {
    /// A connection is about to be made: what it delivers is told by this number.
    func nextEpoch() -> Int {
        epoch += 1
        return epoch
    }

    /// Introduces us over a channel just opened, ahead of all that waits.
    func greet(_ channel: any Channel, with batch: Batch) {
        let bytes = queue.greet(with: batch)
        self.channel = channel
        channel.writeAndFlush(bytes, promise: nil)
        channel.closeFuture.assumeIsolated().whenComplete { _ in self.disconnected(from: channel) }
        setTimer()
    }

    /// The server is one to work with: what waits is written.
    func greeted() {
        queue.greeted()
        write()
        closeIfDrained()
    }

    /// An attempt to connect came to nothing, or to a server that is none to work with.
    func failed(_ error: RedisError) {
        let error = error.beforeSending
        fail(queue.failed(error, now: .now()), with: error)
        channel?.close(promise: nil)
    }

    private func disconnected(from closed: any Channel) {
        guard closed === channel else { return }
        channel = nil
        fail(queue.disconnected(now: .now()), with: .answerLost)
    }

    private func drop(_ reason: Logger.Message, level: Logger.Level = .warning) {
        guard let channel else { return }
        logger.log(level: level, reason)
        disconnected(from: channel)
        channel.close(promise: nil)
    }

    /// Takes no more commands; what an open channel still owes is waited for.
    func end(with error: RedisError) {
        fail(queue.end(with: error), with: error)
        closeIfDrained()
    }

    private func closeIfDrained() {
        if queue.isDrained { channel?.close(promise: nil) }
    }
}

extension RedisError {
    static let unreachable = unreachable(nil)

    static func unreachable(_ cause: (any Error)?) -> RedisError {
        RedisError(
            .notSent, "Redis cannot be reached. Check that it runs and that redis.url names it.", underlying: cause)
    }

    static let answerLost = RedisError(
        .unknown, "The connection to Redis was lost before the answer came. Try again.")
}
