import Logging
import Logs
import NIOCore
import PresenceCore

/// Keeps the node table true: asks where the masters are whenever something hints at a change, and now and then.
struct TopologyRefresher: Sendable {
    let source: TopologySource
    let logger: Logger
    private let hints = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))

    /// Hints that come in a crowd are one.
    private static let pauseLeast: Duration = .milliseconds(50)
    /// Hints after a pause of this are about something new.
    private static let quietAfter: Duration = .seconds(2)

    init(source: TopologySource, logger: Logger) {
        self.source = source
        self.logger = logger
    }

    /// Something is not as it is known.
    func hint() { hints.continuation.yield() }

    /// Runs until cancelled.
    func run(_ table: NodeTable) async {
        guard source.connector.endpoint.hasManyServers else { return }
        await withDiscardingTaskGroup { group in
            group.addTask {
                while !Task.isCancelled {
                    try? await Task.sleep(for: source.connector.options.topologyInterval)
                    hint()
                }
            }
            group.addTask { await self.listenToSentinels() }
            hint()
            var backoff = Backoff(first: Self.pauseLeast, most: source.connector.options.reconnectPauseMost)
            var askedAt = ContinuousClock.now
            for await _ in hints.stream {
                // While a master stays dead there is a hint with every attempt to reach it.
                if .now - askedAt > Self.quietAfter { backoff.reset() }
                askedAt = .now
                do throws(RedisError) {
                    if try await refresh(table) { backoff.reset() }
                    try? await Task.sleep(for: max(Self.pauseLeast, backoff.next()))
                } catch {
                    guard !Task.isCancelled else { break }
                    logger.log(
                        level: backoff.failures == 0 ? .warning : .debug,
                        "Cannot learn where the Redis masters are; trying again",
                        metadata: .keyed([.error: "\(error)"]))
                    table.failed(error)
                    try? await Task.sleep(for: backoff.next())
                    hint()
                }
            }
            group.cancelAll()
        }
    }

    /// They tell when they have made another server the master.
    private func listenToSentinels() async {
        guard case .sentinels(let sentinels, _) = source.connector.endpoint.servers else { return }
        let (events, continuation) = AsyncStream<RedisSubscriptionEvent>.makeStream(
            bufferingPolicy: .bufferingNewest(1))
        await withDiscardingTaskGroup { group in
            for sentinel in sentinels {
                let subscriber = RedisSubscriber(
                    address: sentinel, connector: source.connector.ofSentinels, mustBeMaster: false,
                    eventLoop: source.eventLoopGroup.next(), logger: logger, events: continuation)
                let channels = AsyncStream<Set<RedisChannel>> { $0.yield([RedisChannel("+switch-master")]) }
                group.addTask { await subscriber.run(following: channels) }
            }
            for await _ in events { hint() }
        }
    }

    /// - Returns: whether anything changed.
    private func refresh(_ table: NodeTable) async throws(RedisError) -> Bool {
        let known = table.routes.masters.map(\.address)
        let topology = try await source.topology(known: known)
        guard table.adopt(topology) else { return false }
        let masters = topology.masters.map(\.description)
        if Set(masters) != Set(known.map(\.description)) {
            logger.notice("Redis masters", metadata: .keyed([.endpoint: "\(masters.joined(separator: ","))"]))
        }
        if topology.slotsUnserved > 0 {
            logger.warning(
                "Redis Cluster has slots nobody serves: their users cannot be served either",
                metadata: .keyed([.count: "\(topology.slotsUnserved)"]))
        }
        return true
    }
}
