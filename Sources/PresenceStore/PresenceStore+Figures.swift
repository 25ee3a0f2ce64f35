import PresenceCore
import RedisClient
import Telemetry

/// How a shard stands, for its owner's figures.
package struct ShardFigures: Sendable, Equatable {
    package var counts = PresenceCounts()
    /// Events that wait to be delivered, and of those set aside, and dead letters.
    package var backlog = 0
    package var aside = 0
    package var dead = 0
    package var isInGrace = false

    package init() {}
}

extension PresenceStore {
    /// How these shards stand. Five commands for each, none of which takes longer the more there is.
    package func figures(of shards: [Shard]) async -> ShardAnswers<ShardFigures> {
        let perShard = 5
        var replies: [[RedisResult]] = []
        for start in stride(from: 0, to: shards.count, by: StoreLimits.figuresShardsMax) {
            let part = shards[start..<min(start + StoreLimits.figuresShardsMax, shards.count)]
            let results = await redis.pipeline(
                part.flatMap { shard in
                    [
                        RedisCommand("HGETALL", key: keys.counts(shard)),
                        RedisCommand("HGET", key: keys.cursor(shard), "backlog"),
                        RedisCommand("XLEN", key: keys.aside(shard)), RedisCommand("XLEN", key: keys.dead(shard)),
                        RedisCommand("PTTL", key: keys.grace(shard)),
                    ]
                }, patience: .background)
            replies += stride(from: 0, to: results.count, by: perShard).map { Array(results[$0..<$0 + perShard]) }
        }
        return ShardAnswers(shards, replies) { replies throws(StoreError) in
            var figures = ShardFigures()
            figures.counts.add(try replies[0].orThrow().pairs)
            figures.backlog = try Int(replies[1].orThrow().int ?? 0)
            figures.aside = try Int(replies[2].orThrow().int ?? 0)
            figures.dead = try Int(replies[3].orThrow().int ?? 0)
            figures.isInGrace = try replies[4].orThrow().int ?? 0 > 0
            return figures
        }
    }

    /// Live numbers as figures; what is on a platform that is not in the table is of `other`.
    package func readings(_ counts: PresenceCounts) -> [Reading] {
        Status.live.flatMap { status in
            let sessions = counts.sessions[status] ?? [:]
            let known = platforms.traits.keys.map { (name: $0.name, count: sessions[$0] ?? 0) }
            let other = sessions.values.reduce(0, +) - known.reduce(0) { $0 + $1.count }
            return [Reading(.users, status.rawValue, is: counts.users[status] ?? 0)]
                + (known + [("other", other)]).map { Reading(.sessions, status.rawValue, $0.name, is: $0.count) }
        }
    }
}
