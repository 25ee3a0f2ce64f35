import Logging
import Logs
import NIOCore
import PresenceCore

/// One event loop's connection to one server, across all its losses and returns: opens it, greets the server, and
/// opens it again.
///
/// The actor runs on its event loop, as does what sends its commands.
actor RedisConnection {
    private let endpoint: RedisEndpoint
    private let options: RedisClientOptions
    private let logger: Logger
    private nonisolated let eventLoop: any EventLoop
    private nonisolated let sender: NIOLoopBoundBox<CommandSender>
    private var backoff: Backoff

    nonisolated var unownedExecutor: UnownedSerialExecutor { eventLoop.executor.asUnownedSerialExecutor() }

    init(to endpoint: RedisEndpoint, on eventLoop: any EventLoop, options: RedisClientOptions, logger: Logger) {
        self.eventLoop = eventLoop
        self.endpoint = endpoint
        self.options = options
        self.logger = logger
        sender = .makeBoxSendingValue(
            CommandSender(on: eventLoop, commandsMax: options.commandsQueuedMax, logger: logger), eventLoop: eventLoop)
        backoff = Backoff(first: options.reconnectPauseFirst, most: options.reconnectPauseMost)
    }

    /// Writes the encoded commands and waits for their replies, at most the command deadline.
    nonisolated func exchange(_ bytes: ByteBuffer, replyCount: Int) async throws(RedisError) -> [RedisValue] {
        let deadline = deadline
        return try await withCheckedContinuation { caller in
            let batch = CommandSender.Batch(token: caller, bytes: bytes, replyCount: replyCount, deadline: deadline)
            guard eventLoop.inEventLoop else { return eventLoop.execute { self.sender.value.enqueue(batch) } }
            sender.value.enqueue(batch)
        }.get()
    }

    private nonisolated var deadline: NIODeadline { .now() + TimeAmount(options.commandDeadline) }

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
            eventLoop.execute { self.sender.value.shutdown() }
        }
        sender.value.shutdown()
    }

    private func serve() async throws {
        let channel = try await endpoint.connect(on: eventLoop, timeout: options.commandDeadline) {
            [sender, options, logger] in
            ReplyHandler(replyBytesMax: options.replyBytesMax, logger: logger) { sender.value.receive($0) }
        }
        try await greet(channel)
        logger.info("Redis connected")
        backoff.reset()
        sender.value.write()
        sender.value.closeIfDrained()
        try await channel.closeFuture.get()
        if !Task.isCancelled { logger.warning("Redis disconnected", metadata: .keyed([.endpoint: "\(endpoint)"])) }
    }

    private func greet(_ channel: any Channel) async throws(RedisError) {
        let greeting = endpoint.greeting(clientName: options.clientName)
        let values = try await withCheckedContinuation { caller in
            sender.value.greet(
                channel,
                with: CommandSender.Batch(
                    token: caller, bytes: RedisPipeline(greeting).bytes, replyCount: greeting.count,
                    deadline: deadline))
        }.get()
        let refusal = endpoint.refusal(of: greeting, answered: values)
        sender.value.greeted(refusal: refusal)
        if let refusal { throw refusal }
    }

    /// A server that stays away is worth one line, not one a second.
    private func report(_ error: any Error) {
        logger.log(
            level: backoff.failures == 0 ? .warning : .debug, "Redis connection failed",
            metadata: .keyed([.endpoint: "\(endpoint)", .error: "\(error)"]))
    }
}
