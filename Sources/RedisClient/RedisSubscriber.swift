import Logging
import Logs
import NIOCore
import PresenceCore

/// Keeps one subscription alive on a connection of its own, to channels that may change.
///
/// The actor runs on its event loop, so the loop's callbacks are already isolated to it.
actor RedisSubscriber {
    private let endpoint: RedisEndpoint
    private var channels: Set<String> = []
    /// Channels the server has not confirmed since the present connection was made.
    private var unconfirmed: Set<String> = []
    private let eventLoop: any EventLoop
    private let options: RedisClientOptions
    private let logger: Logger
    private let events: AsyncStream<RedisSubscriptionEvent>.Continuation

    private let greeting: [RedisCommand]
    private var greetingReplies: [RedisValue] = []
    private var channel: (any Channel)?
    private var isSubscribed = false
    private var isGreeted = false
    /// Whether the server sent anything since the last PING.
    private var isHeard = false
    /// Why the present connection is given up.
    private var refusal: RedisError?

    nonisolated var unownedExecutor: UnownedSerialExecutor { eventLoop.executor.asUnownedSerialExecutor() }

    init(
        endpoint: RedisEndpoint, eventLoop: any EventLoop, options: RedisClientOptions, logger: Logger,
        events: AsyncStream<RedisSubscriptionEvent>.Continuation
    ) {
        self.endpoint = endpoint
        self.eventLoop = eventLoop
        self.options = options
        self.logger = logger
        self.events = events
        greeting = endpoint.greeting(clientName: options.clientName)
    }

    /// Listens to the latest set of channels, again after every loss, until the task is cancelled.
    func run(following sets: AsyncStream<Set<String>>) async {
        await withDiscardingTaskGroup { group in
            group.addTask {
                for await channels in sets { await self.follow(channels) }
            }
            await stayConnected()
            group.cancelAll()
        }
    }

    private func follow(_ latest: Set<String>) {
        let (added, removed) = (latest.subtracting(channels), channels.subtracting(latest))
        channels = latest
        guard isGreeted else { return }
        unconfirmed = unconfirmed.subtracting(removed).union(added)
        for (command, channels) in [("SUBSCRIBE", added), ("UNSUBSCRIBE", removed)] where !channels.isEmpty {
            channel?.writeAndFlush(
                RedisPipeline([RedisCommand(keyless: command, Array(channels))]).bytes, promise: nil)
        }
    }

    private func stayConnected() async {
        var backoff = Backoff(first: options.reconnectPauseFirst, most: options.reconnectPauseMost)
        while !Task.isCancelled {
            do {
                try await listen()
            } catch {
                logger.log(
                    level: backoff.failures == 0 ? .warning : .debug, "Redis subscription failed",
                    metadata: .keyed([.endpoint: "\(endpoint)", .error: "\(error)"]))
            }
            if isSubscribed {
                backoff.reset()
                events.yield(.lost)
            }
            try? await Task.sleep(for: backoff.next())
        }
    }

    /// Returns when the connection is closed.
    private func listen() async throws {
        isSubscribed = false
        isGreeted = false
        isHeard = true
        greetingReplies = []
        refusal = nil
        let channel = try await endpoint.connect(on: eventLoop, timeout: options.commandDeadline) {
            ReplyHandler(replyBytesMax: self.options.replyBytesMax, logger: self.logger) { values in
                self.assumeIsolated { subscriber in
                    for value in values { subscriber.receive(value) }
                }
            }
        }
        self.channel = channel
        isGreeted = true
        unconfirmed = channels
        let subscription = channels.isEmpty ? [] : [RedisCommand(keyless: "SUBSCRIBE", Array(channels))]
        channel.writeAndFlush(RedisPipeline(greeting + subscription).bytes, promise: nil)
        let interval = TimeAmount(options.pingInterval)
        let pings = eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in
            self.assumeIsolated { $0.ping() }
        }
        defer { pings.cancel() }
        try await withTaskCancellationHandler {
            try await channel.closeFuture.get()
        } onCancel: {
            channel.close(promise: nil)
        }
        if let refusal { throw refusal }
    }

    private func ping() {
        guard isHeard else {
            logger.warning("Redis subscription dropped: no answer to a ping")
            channel?.close(promise: nil)
            return
        }
        isHeard = false
        channel?.writeAndFlush(RedisPipeline([RedisCommand(keyless: "PING")]).bytes, promise: nil)
    }

    private func receive(_ value: RedisValue) {
        isHeard = true
        if greetingReplies.count < greeting.count {
            greetingReplies.append(value)
            if let refusal = endpoint.refusal(of: greeting, answered: greetingReplies) { give(up: refusal) }
            return
        }
        if let error = value.error { return give(up: RedisError(error)) }
        guard let push = value.array, push.count == 3 else { return }
        switch push[0].string {
        case "subscribe":
            if let channel = push[1].string { unconfirmed.remove(channel) }
            guard unconfirmed.isEmpty, !isSubscribed else { return }
            isSubscribed = true
            events.yield(.subscribed)
        case "message":
            guard let channel = push[1].string, let payload = push[2].string else { return }
            events.yield(.message(channel: channel, payload: payload))
        default: break
        }
    }

    private func give(up error: RedisError) {
        refusal = error
        channel?.close(promise: nil)
    }
}
