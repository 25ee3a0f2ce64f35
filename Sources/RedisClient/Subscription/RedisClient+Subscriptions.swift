import NIOCore

extension RedisClient {
    /// Listens to the channels on connections of their own, until the stream is no longer read.
    ///
    /// Messages are hints: a reader that falls behind loses the oldest events.
    package func subscribe(to channels: [RedisChannel]) -> AsyncStream<RedisSubscriptionEvent> {
        let (sets, continuation) = AsyncStream<Set<RedisChannel>>.makeStream()
        continuation.yield(Set(channels))
        return subscribe(following: sets)
    }

    /// The same for channels that change: always the latest set. `subscribed` is told once per connection.
    package func subscribe(following sets: AsyncStream<Set<RedisChannel>>) -> AsyncStream<RedisSubscriptionEvent> {
        AsyncStream(bufferingPolicy: .bufferingNewest(options.subscriptionEventsMax)) { events in
            let subscription = RedisSubscription(client: self, events: events)
            let task = Task { await subscription.run(following: sets) }
            events.onTermination = { _ in task.cancel() }
        }
    }

    /// The command that publishes a message to those who listen to the channel. Never repeated: it is a hint.
    package func publishing(_ message: String, to channel: String) -> RedisCommand {
        RedisCommand(isCluster ? "SPUBLISH" : "PUBLISH", key: channel, message).once
    }
}

/// One subscription: a connection to each server that tells some of its channels, as long as it does.
private actor RedisSubscription {
    private struct Part {
        let channels: AsyncStream<Set<RedisChannel>>.Continuation
        let task: Task<Void, Never>
    }

    private let client: RedisClient
    private let events: AsyncStream<RedisSubscriptionEvent>.Continuation
    private var channels: Set<RedisChannel> = []
    private var parts: [RedisAddress: Part] = [:]

    init(client: RedisClient, events: AsyncStream<RedisSubscriptionEvent>.Continuation) {
        self.client = client
        self.events = events
    }

    /// Runs until cancelled.
    func run(following sets: AsyncStream<Set<RedisChannel>>) async {
        let changes = client.table.changes
        await withDiscardingTaskGroup { group in
            group.addTask { for await latest in sets { await self.follow(latest) } }
            for await _ in changes { spread() }
            group.cancelAll()
        }
        for part in parts.values { part.task.cancel() }
    }

    private func follow(_ latest: Set<RedisChannel>) {
        channels = latest
        spread()
    }

    /// Gives every server the channels it tells.
    private func spread() {
        let routes = client.table.routes
        let wanted = Dictionary(grouping: channels) { routes.owner(of: $0.slot) }
        for (address, part) in parts where wanted[address] == nil {
            part.task.cancel()
            parts[address] = nil
            events.yield(.lost(address))
        }
        for case (let address?, let channels) in wanted {
            let part = parts[address] ?? listen(to: address)
            parts[address] = part
            part.channels.yield(Set(channels))
        }
    }

    private func listen(to address: RedisAddress) -> Part {
        let (sets, channels) = AsyncStream<Set<RedisChannel>>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let subscriber = RedisSubscriber(
            address: address, connector: client.connector, usesShards: client.isCluster,
            mustBeMaster: client.endpoint.hasManyServers, eventLoop: client.eventLoopGroup.next(),
            logger: client.logger, events: events, moved: client.hint)
        return Part(channels: channels, task: Task { await subscriber.run(following: sets) })
    }
}
