import Logging
import NIOCore
import Synchronization

/// One server: a connection to it on every event loop, until it is retired.
final class RedisNode: Sendable {
    /// What a node asks of those who know which servers are the masters, and tells them.
    struct Watch: Sendable {
        /// Throws unless the server, which says it is a master, is the one in use.
        var vouch: @Sendable (RedisAddress) async throws(RedisError) -> Void
        /// A connection was lost, or could not be made.
        var lost: @Sendable () -> Void
    }

    /// How many connections there are to the server, and why there is none.
    final class Reach: Sendable {
        private let connections = Atomic(0)
        private let latest = Mutex<RedisError?>(nil)

        var isAny: Bool { connections.load(ordering: .relaxed) > 0 }

        /// Why the last attempt to connect came to nothing.
        var failure: RedisError? { latest.withLock(\.self) }

        func connected() {
            connections.add(1, ordering: .relaxed)
            latest.withLock { $0 = nil }
        }

        func disconnected() { connections.subtract(1, ordering: .relaxed) }

        func failed(_ error: RedisError) { latest.withLock { $0 = error } }
    }

    let address: RedisAddress
    let figures: NodeFigures
    private let reach: Reach
    private let eventLoopGroup: any EventLoopGroup
    private let connections: [ObjectIdentifier: RedisConnection]
    private let isRetired = Atomic(false)
    private let retirement = AsyncStream<Never>.makeStream()

    init(
        at address: RedisAddress, over connector: RedisConnector, on eventLoopGroup: any EventLoopGroup, watch: Watch,
        figures: NodeFigures, logger: Logger
    ) {
        self.address = address
        self.figures = figures
        let reach = Reach()
        self.reach = reach
        self.eventLoopGroup = eventLoopGroup
        let pairs = eventLoopGroup.makeIterator().map { eventLoop in
            (
                ObjectIdentifier(eventLoop),
                RedisConnection(
                    to: address, over: connector, on: eventLoop, watch: watch, reach: reach,
                    reconnects: figures.reconnects, logger: logger)
            )
        }
        connections = Dictionary(uniqueKeysWithValues: pairs)
    }

    /// Whether any event loop has a connection.
    var isReachable: Bool { reach.isAny }

    /// Why no event loop has a connection; nil if one has.
    var absence: RedisError? { isReachable ? nil : reach.failure ?? .unreachable }

    /// Keeps the connections alive until the node is retired or the task cancelled, then waits for the answers due.
    func run() async {
        await withDiscardingTaskGroup { group in
            for connection in connections.values {
                group.addTask {
                    await connection.run { self.isRetired.load(ordering: .relaxed) ? .retired : .clientClosed }
                }
            }
            for await _ in retirement.stream {}
            group.cancelAll()
        }
    }

    /// Gives back what waits as not sent, and takes no more.
    func retire() {
        isRetired.store(true, ordering: .relaxed)
        figures.retire()
        retirement.continuation.finish()
    }

    /// Writes the encoded commands and waits for their replies: over the connection of the caller's event loop, or of
    /// the next one if the caller is on none.
    func exchange(_ bytes: ByteBuffer, replyCount: Int) async -> [RedisResult] {
        guard let connection = connections[ObjectIdentifier(eventLoopGroup.any())] else {
            preconditionFailure("an event loop group hands out the loops it lists")
        }
        let start = NIODeadline.now()
        figures.sent(replyCount)
        do throws(RedisError) {
            let replies = try await connection.exchange(bytes, replyCount: replyCount)
            figures.answered(replyCount, after: .now() - start)
            return replies
        } catch {
            figures.failed(replyCount)
            return Array(repeating: .failure(error), count: replyCount)
        }
    }
}
