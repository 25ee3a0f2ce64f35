import Support

/// What a nemesis works on.
package struct Stage: Sendable {
    package enum Servers: Sendable {
        case one(RedisServer)
        case sentinels(RedisSentinels)
        case cluster(RedisCluster)
    }

    package let recorder: Recorder
    package let servers: Servers
    package let workers: [PresenceProcess]
    package let receiver: FaultyReceiver
    /// On each worker's way to Redis; empty where none was asked for.
    package let proxies: [FaultProxy]
    /// On callers' ways to each worker.
    package let callerProxies: [FaultProxy]
    /// Where files of this run may go.
    package let folder: String

    /// The servers that have data now.
    package func masters() async throws -> [RedisServer] {
        switch servers {
        case .one(let server): return [server]
        case .sentinels(let set): return [try await set.currentMaster()]
        case .cluster(let cluster):
            var masters: [RedisServer] = []
            for node in try await cluster.awakeNodes where try await !cluster.slots(of: node).isEmpty {
                masters.append(node)
            }
            return masters
        }
    }

    package var allServers: [RedisServer] {
        switch servers {
        case .one(let server): [server]
        case .sentinels(let set): set.servers
        case .cluster(let cluster): cluster.nodes
        }
    }

    /// The only server, or the first of all.
    package var redis: RedisServer {
        switch servers {
        case .one(let server): server
        case .sentinels(let set): set.servers[0]
        case .cluster(let cluster): cluster.nodes[0]
        }
    }

    package func worker(_ dice: inout SeededGenerator) -> PresenceProcess {
        workers.randomElement(using: &dice) ?? workers[0]
    }

    /// Waits until the server answers.
    package func answers(_ server: RedisServer) async throws {
        try await eventually(else: "Redis does not come back") {
            guard await server.isAwake else { return false }
            return (try? await server.info("loading")) == "0"
        }
    }
}

/// The shards of every run.
package enum RunShards {
    package static let usual = 16
}
