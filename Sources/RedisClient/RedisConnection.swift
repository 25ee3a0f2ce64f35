import Logging
import Logs
import NIOCore
import PresenceCore

/// One event loop's connection to one server, across all its losses and returns. It performs
/// what `CommandQueue` decides.
///
/// The actor runs on its event loop, so the loop's callbacks are already isolated to it.
actor RedisConnection {
    typealias Answer = Result<[RedisValue], RedisError>
    private typealias Queue = CommandQueue<CheckedContinuation<Answer, Never>>

    private let eventLoop: any EventLoop
    private let endpoint: RedisEndpoint
    private let options: RedisClientOptions
    private let logger: Logger

    private var queue: Queue
    private var channel: (any Channel)?
    private var backoff: Backoff
    private var isWriteScheduled = false
    private var isTimerSet = false

    nonisolated var unownedExecutor: UnownedSerialExecutor { eventLoop.executor.asUnownedSerialExecutor() }

    init(to endpoint: RedisEndpoint, on eventLoop: any EventLoop, options: RedisClientOptions, logger: Logger) {
        self.endpoint = endpoint
        self.eventLoop = eventLoop
        self.options = options
        self.logger = logger
        queue = Queue(commandsMax: options.commandsQueuedMax)
        backoff = Backoff(first: options.reconnectPauseFirst, most: options.reconnectPauseMost)
    }

    /// Writes the encoded commands and waits for their replies, at most the command deadline.
    nonisolated func exchange(_ bytes: ByteBuffer, replyCount: Int) async throws(RedisError) -> [RedisValue] {
        let deadline = NIODeadline.now() + TimeAmount(options.commandDeadline)
        return try await withCheckedContinuation { caller in
            let batch = Queue.Batch(token: caller, bytes: bytes, replyCount: replyCount, deadline: deadline)
            onEventLoop { $0.enqueue(batch) }
        }.get()
    }

    /// Keeps the connection alive until the task is cancelled; then waits for the answers still due.
    func run() async {
        await withTaskCancellationHandler {
            while !Task.isCancelled {
                do {
                    try await serve()
                } catch {
                    report(error)
                }
                try? await Task.sleep(for: backoff.next())
            }
        } onCancel: {
            onEventLoop { $0.shutdown() }
        }
        shutdown()
    }

    private nonisolated func onEventLoop(_ body: @escaping @Sendable (isolated RedisConnection) -> Void) {
        guard !eventLoop.inEventLoop else { return assumeIsolated(body) }
        eventLoop.execute { self.assumeIsolated(body) }
    }
}

// The life of a connection.
extension RedisConnection {
    private func serve() async throws {
        let channel = try await endpoint.connect(on: eventLoop, timeout: options.commandDeadline) {
            ReplyHandler(replyBytesMax: self.options.replyBytesMax, logger: self.logger) { values in
                self.assumeIsolated { $0.receive(values) }
            }
        }
        try await greet(channel)
        logger.info("Redis connected")
        backoff.reset()
        write()
        closeIfDrained()
        try await channel.closeFuture.get()
        if !Task.isCancelled { logger.warning("Redis disconnected", metadata: .keyed([.endpoint: "\(endpoint)"])) }
    }

    private func greet(_ channel: any Channel) async throws(RedisError) {
        let greeting = endpoint.greeting(clientName: options.clientName)
        let deadline = NIODeadline.now() + TimeAmount(options.commandDeadline)
        let values = try await withCheckedContinuation { caller in
            let bytes = queue.greet(
                with: Queue.Batch(
                    token: caller, bytes: RESPEncoder.encode(greeting), replyCount: greeting.count,
                    deadline: deadline))
            self.channel = channel
            channel.writeAndFlush(bytes, promise: nil)
            channel.closeFuture.whenComplete { _ in self.assumeIsolated { $0.disconnected(from: channel) } }
            setTimer()
        }.get()
        guard let refusal = endpoint.refusal(of: greeting, answered: values) else { return queue.greeted() }
        fail(queue.refused(refusal), with: refusal)
        channel.close(promise: nil)
        throw refusal
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

    private func shutdown() {
        fail(queue.shutdown(), with: .clientClosed)
        closeIfDrained()
    }

    private func closeIfDrained() {
        if queue.isDrained { channel?.close(promise: nil) }
    }

    /// A server that stays away is worth one line, not one a second.
    private func report(_ error: any Error) {
        logger.log(
            level: backoff.failures == 0 ? .warning : .debug, "Redis connection failed",
            metadata: .keyed([.endpoint: "\(endpoint)", .error: "\(error)"]))
    }
}

// The life of a command.
extension RedisConnection {
    private func enqueue(_ batch: Queue.Batch) {
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
        eventLoop.execute { self.assumeIsolated { $0.write() } }
    }

    private func write() {
        isWriteScheduled = false
        guard let channel, let bytes = queue.write() else { return }
        channel.writeAndFlush(bytes, promise: nil)
    }

    private func receive(_ values: [RedisValue]) {
        // It leads to a former master; a new one may lead elsewhere. The others learn it by themselves.
        defer {
            if values.contains(where: { $0.error?.kind == .readOnly }) {
                drop("Redis connection dropped: the server is no longer a master")
            }
        }
        for value in values {
            switch queue.receive(value) {
            case .wait: continue
            case .answer(let caller, let replies): caller.resume(returning: .success(replies))
            case .close: return drop("Redis connection dropped: the server sent a reply nobody asked for")
            }
        }
        closeIfDrained()
    }

    /// One timer per connection: set for the oldest command, it looks again when it fires.
    private func setTimer() {
        guard !isTimerSet, let deadline = queue.nextDeadline else { return }
        isTimerSet = true
        eventLoop.scheduleTask(deadline: deadline) { self.assumeIsolated { $0.expire() } }
    }

    private func expire() {
        isTimerSet = false
        let action = queue.expire(now: .now())
        fail(action.notSent, with: .unreachable)
        if action.close { drop("Redis connection dropped: no answer within the deadline") }
        setTimer()
    }

    private func fail(_ callers: [CheckedContinuation<Answer, Never>], with error: RedisError) {
        for caller in callers { caller.resume(returning: .failure(error)) }
    }
}

extension RedisError {
    static let unreachable = RedisError(
        .notSent, "Redis cannot be reached. Check that it runs and that redis.url names it.")
    static let answerLost = RedisError(
        .unknown, "The connection to Redis was lost before the answer came. Try again.")
}
