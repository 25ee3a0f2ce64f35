import RedisClient

/// A Redis, some workers on it, the app's backend that calls them in turn, and its callback receiver.
package struct Deployment: Sendable {
    package let redis: RedisServer
    package let workers: [PresenceProcess]
    package let backend: Backend
    package let receiver: CallbackReceiver

    /// Timeouts short enough for a test, in the same order of size as the real ones: the pause that counts as an
    /// outage stays below every timeout minus its heartbeat interval.
    package static let shortTimeouts = [
        "heartbeat.mobile-interval-ms": "1000", "heartbeat.mobile-timeout-ms": "5000",
        "heartbeat.desktop-interval-ms": "1000", "heartbeat.desktop-timeout-ms": "5000",
        "heartbeat.browser-interval-ms": "500", "heartbeat.browser-timeout-ms": "4000",
        "push.retention-ms": "3000", "outage.gap-ms": "3000", "shards": "16",
    ]

    /// Runs the body beside a deployment.
    /// - Parameters:
    ///   - settings: beside `shortTimeouts`, or instead of them.
    ///   - credentials: as whom the workers use Redis, as `user:password@`; the documentation's user by default.
    package static func with<Result: Sendable>(
        workers count: Int = 2, redis arguments: [String] = [], _ settings: [String: String] = [:],
        credentials: String = RedisServer.serviceCredentials, body: (Deployment) async throws -> Result
    ) async throws -> Result {
        // The documentation's user may not switch them on itself.
        let isTold = arguments.contains("--notify-keyspace-events")
        return try await RedisServer.withRedis(arguments + (isTold ? [] : ["--notify-keyspace-events", "Kxt"])) {
            redis in
            let url = "redis://\(credentials)127.0.0.1:\(redis.port)"
            return try await withWorkers(count, on: url, settings) { workers, backend, receiver in
                try await body(Deployment(redis: redis, workers: workers, backend: backend, receiver: receiver))
            }
        }
    }

    /// The workers that do the background work of the shards.
    package func shardOwners(_ shards: Int) async throws -> Set<String?> {
        try await redis.withClient { redis in
            let owners = try await redis.replies(
                (0..<shards).map { RedisCommand("HGET", key: Self.key($0, "owner"), "worker") })
            return Set(owners.map(\.string))
        }
    }

    /// Gives the user, who is on record, a session that this service did not write.
    package func corruptRecord(of user: String) async throws {
        try await redis.withClient { redis in
            guard case .array(let keys) = try await redis.send(RedisCommand(keyless: "KEYS", "*:user:\(user)")),
                let key = keys.first?.string
            else { throw TimedOut(description: "\(user) is not on record") }
            _ = try await redis.send(RedisCommand("HSET", key: key, "Web:broken", "nonsense"))
        }
    }

    /// The name of a shard's key: `presence:{003}:owner`.
    package static func key(_ shard: Int, _ name: String) -> String {
        let digits = String(shard)
        return "presence:{\(String(repeating: "0", count: 3 - digits.count))\(digits)}:\(name)"
    }
}
