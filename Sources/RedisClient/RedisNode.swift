import Logging
import NIOCore

/// One server: a connection to it on every event loop.
final class RedisNode: Sendable {
    private let eventLoopGroup: any EventLoopGroup
    private let connections: [ObjectIdentifier: RedisConnection]

    init(endpoint: RedisEndpoint, eventLoopGroup: any EventLoopGroup, options: RedisClientOptions, logger: Logger) {
        self.eventLoopGroup = eventLoopGroup
        let pairs = eventLoopGroup.makeIterator().map { eventLoop in
            (
                ObjectIdentifier(eventLoop),
                RedisConnection(to: endpoint, on: eventLoop, options: options, logger: logger)
            )
        }
        connections = Dictionary(uniqueKeysWithValues: pairs)
    }

    /// Keeps the connections alive until the task is cancelled.
    func run() async {
        await withDiscardingTaskGroup { group in
            for connection in connections.values { group.addTask { await connection.run() } }
        }
    }

    /// That of the caller's event loop, or of the next one if the caller is on none.
    var connection: RedisConnection {
        guard let connection = connections[ObjectIdentifier(eventLoopGroup.any())] else {
            preconditionFailure("an event loop group hands out the loops it lists")
        }
        return connection
    }
}
