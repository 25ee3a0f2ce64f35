import Logging
import Logs
import NIOCore
import PresenceCore
import Telemetry

/// One event loop's connection to one server, across all its losses and returns: opens it, greets the server, and
/// opens it again.
///
/// The actor runs on its event loop, as does what sends its commands.
actor RedisConnection {
    private let address: RedisAddress
    private let connector: RedisConnector
    private let logger: Logger
    private let watch: RedisNode.Watch
    private let reach: RedisNode.Reach
    private let reconnects: EventCounter
    private nonisolated let eventLoop: any EventLoop
    private nonisolated let sender: NIOLoopBoundBox<CommandSender>
    private var backoff: Backoff

    private nonisolated var options: RedisClientOptions { connector.options }

    nonisolated var unownedExecutor: UnownedSerialExecutor { eventLoop.executor.asUnownedSerialExecutor() }

    init(
        to address: RedisAddress, over connector: RedisConnector, on eventLoop: any EventLoop, watch: RedisNode.Watch,
        reach: RedisNode.Reach, reconnects: EventCounter, logger: Logger
    ) {
        self.eventLoop = eventLoop
        self.address = address
        self.connector = connector
        self.watch = watch
        self.reach = reach
        self.reconnects = reconnects
        var logger = logger
        logger[metadataKey: LogKey.endpoint.rawValue] = "\(address)"
        self.logger = logger
        let options = connector.options
        sender = .makeBoxSendingValue(
            CommandSender(on: eventLoop, options: options, logger: logger), eventLoop: eventLoop)
        backoff = Backoff(first: options.reconnectPauseFirst, most: options.reconnectPauseMost)
    }

    /// Writes the encoded commands and waits for their replies, at most the command deadline.
    nonisolated func exchange(_ bytes: ByteBuffer, replyCount: Int) async throws(RedisError) -> [RedisResult] {
        let deadline = deadline
        return try await withCheckedContinuation { caller in
            let batch = CommandSender.Batch(token: caller, bytes: bytes, replyCount: replyCount, deadline: deadline)
            guard eventLoop.inEventLoop else { return eventLoop.execute { self.sender.value.enqueue(batch) } }
            sender.value.enqueue(batch)
        }.get()
    }

    private nonisolated var deadline: NIODeadline { .now() + TimeAmount(options.commandDeadline) }

    /// Keeps the connection alive until the task is cancelled; then waits for the answers still due.
    /// - Parameter end: why no more commands are taken then.
    func run(endingWith end: @escaping @Sendable () -> RedisError) async {
        await withTaskCancellationHandler {
            while !Task.isCancelled {
                do throws(RedisError) {
                    try await serve()
                } catch {
                    reach.failed(error)
                    sender.value.failed(error)
                    if !Task.isCancelled { report(error) }
                }
                if !Task.isCancelled {
                    reconnects.count()
                    watch.lost()
                }
                try? await Task.sleep(for: backoff.next())
            }
        } onCancel: {
            eventLoop.execute { self.sender.value.end(with: end()) }
        }
        sender.value.end(with: end())
    }

    private func serve() async throws(RedisError) {
        let epoch = sender.value.nextEpoch()
        let transport = try await connector.connect(to: address, on: eventLoop) { [sender, options, logger] in
            ReplyHandler(replyBytesMax: options.replyBytesMax, logger: logger) { sender.value.receive($0, in: epoch) }
        }
        do throws(RedisError) {
            try await greet(transport)
            try await watch.vouch(address)
        } catch {
            transport.close()
            throw error
        }
        logger.info("Redis connected")
        let connectedAt = ContinuousClock.now
        reach.connected()
        defer { reach.disconnected() }
        sender.value.greeted()
        try? await transport.channel.closeFuture.get()
        // One that is cut at once is not made again at once, for ever.
        if .now - connectedAt > options.reconnectPauseMost { backoff.reset() }
        if !Task.isCancelled { logger.warning("Redis disconnected") }
    }

    private func greet(_ transport: RedisTransport) async throws(RedisError) {
        let greeting = await connector.greeting(mustBeMaster: connector.endpoint.hasManyServers)
        let result = await withCheckedContinuation { caller in
            sender.value.greet(
                transport.channel,
                with: CommandSender.Batch(
                    token: caller, bytes: RedisPipeline(greeting.commands).bytes, replyCount: greeting.commands.count,
                    deadline: deadline))
        }
        switch result {
        case .success(let answers):
            connector.proof.given()
            if let refusal = greeting.refusal(answers: answers) { throw refusal }
        // Those who wait have sent nothing.
        case .failure(let error): throw await connector.cause(of: .unreachable(error), on: transport)
        }
    }

    /// A server that stays away is worth one line, not one a second.
    private func report(_ error: RedisError) {
        logger.log(
            level: backoff.failures == 0 ? .warning : .debug, "Redis connection failed",
            metadata: .keyed([.error: "\(error)"]))
    }
}
