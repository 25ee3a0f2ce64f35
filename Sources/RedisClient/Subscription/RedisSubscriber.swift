import Logging
import Logs
import NIOCore
import PresenceCore

/// Keeps one subscription alive on a connection of its own, to channels that may change.
///
/// The actor runs on its event loop, so the loop's callbacks are already isolated to it.
actor RedisSubscriber {
    private let address: RedisAddress
    private let connector: RedisConnector
    private let usesShards: Bool
    private let mustBeMaster: Bool
    /// To be called when the server may not tell (all of) its channels any more.
    private let moved: @Sendable () -> Void
    private var channels: Set<RedisChannel> = []
    /// Channels the server has not confirmed since the present connection was made.
    private var unconfirmed: Set<String> = []
    private let eventLoop: any EventLoop
    private let logger: Logger
    private let events: AsyncStream<RedisSubscriptionEvent>.Continuation

    private var greeting: RedisGreeting?
    private var greetingReplies: [RedisResult] = []
    private var channel: (any Channel)?
    private var isSubscribed = false
    private var isGreeted = false
    /// Whether the server sent anything since the last PING.
    private var isHeard = false
    /// Why the present connection is given up.
    private var refusal: RedisError?

    private nonisolated var options: RedisClientOptions { connector.options }

    nonisolated var unownedExecutor: UnownedSerialExecutor { eventLoop.executor.asUnownedSerialExecutor() }

    init(
        address: RedisAddress, connector: RedisConnector, usesShards: Bool = false, mustBeMaster: Bool,
        eventLoop: any EventLoop, logger: Logger, events: AsyncStream<RedisSubscriptionEvent>.Continuation,
        moved: @escaping @Sendable () -> Void = {}
    ) {
        self.address = address
        self.connector = connector
        self.usesShards = usesShards
        self.mustBeMaster = mustBeMaster
        self.moved = moved
        self.eventLoop = eventLoop
        self.logger = logger
        self.events = events
    }

    /// Listens to the latest set of channels, again after every loss, until the task is cancelled.
    func run(following sets: AsyncStream<Set<RedisChannel>>) async {
        await withDiscardingTaskGroup { group in
            group.addTask {
                for await channels in sets { await self.follow(channels) }
            }
            await stayConnected()
            group.cancelAll()
        }
    }

    private func follow(_ latest: Set<RedisChannel>) {
        let (added, removed) = (latest.subtracting(channels), channels.subtracting(latest))
        channels = latest
        guard isGreeted else { return }
        unconfirmed = unconfirmed.subtracting(removed.map(\.name)).union(added.map(\.name))
        let commands = commands("SUBSCRIBE", added) + commands("UNSUBSCRIBE", removed)
        if !commands.isEmpty { channel?.writeAndFlush(RedisPipeline(commands).bytes, promise: nil) }
    }

    private func commands(_ name: String, _ channels: Set<RedisChannel>) -> [RedisCommand] {
        // A command names sharded channels of one slot only.
        let kinds = Dictionary(grouping: channels) { usesShards && $0.isSharded ? $0.slot : nil }
        return kinds.map { slot, channels in
            RedisCommand(keyless: slot == nil ? name : "S" + name, channels.map(\.name))
        }
    }

    private func stayConnected() async {
        var backoff = Backoff(first: options.reconnectPauseFirst, most: options.reconnectPauseMost)
        while !Task.isCancelled {
            let startedAt = ContinuousClock.now
            do {
                try await listen()
            } catch {
                // What breaks because nobody listens any more is no failure.
                guard !Task.isCancelled else { return }
                logger.log(
                    level: backoff.failures == 0 ? .warning : .debug, "Redis subscription failed",
                    metadata: .keyed([.endpoint: "\(address)", .error: "\(error)"]))
            }
            if .now - startedAt > options.reconnectPauseMost { backoff.reset() }
            if isSubscribed {
                if !Task.isCancelled { events.yield(.lost(address)) }
            }
            if !Task.isCancelled { moved() }
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
        let greeting = await connector.greeting(mustBeMaster: mustBeMaster)
        self.greeting = greeting
        let transport = try await connector.connect(to: address, on: eventLoop) {
            ReplyHandler(replyBytesMax: self.options.replyBytesMax, logger: self.logger) { values in
                self.assumeIsolated { subscriber in
                    for value in values { subscriber.receive(value) }
                }
            }
        }
        let channel = transport.channel
        self.channel = channel
        isGreeted = true
        unconfirmed = Set(channels.map(\.name))
        channel.writeAndFlush(
            RedisPipeline(greeting.commands + commands("SUBSCRIBE", channels)).bytes, promise: nil)
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
        if let error = refusal ?? connector.complaint(about: transport) { throw error }
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

    private func receive(_ reply: RedisResult) {
        isHeard = true
        if let greeting, greetingReplies.count < greeting.commands.count {
            greetingReplies.append(reply)
            if let refusal = greeting.refusal(answers: greetingReplies) { give(up: refusal) }
            return
        }
        let value: RedisValue
        do { value = try reply.get() } catch { return give(up: error) }
        guard let push = value.array, push.count == 3 else { return }
        switch push[0].string {
        case "subscribe", "ssubscribe":
            if let channel = push[1].string { unconfirmed.remove(channel) }
            guard unconfirmed.isEmpty, !isSubscribed else { return }
            isSubscribed = true
            events.yield(.subscribed)
        case "sunsubscribe":
            // Its slot has moved, unless it was asked for.
            if channels.contains(where: { $0.name == push[1].string }) { give(up: .notAMaster) }
        case "message", "smessage":
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
