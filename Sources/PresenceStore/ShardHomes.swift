import PresenceCore
import RedisClient

/// The Redis server that has some shards now: what is asked of one home in one call waits for no other.
package struct ShardHome: Hashable, Sendable {
    /// nil where it is not known.
    let master: RedisAddress?

    init(_ master: RedisAddress?) { self.master = master }
}

/// Which shards live together. That one server does not answer must not hold up what the others are asked for, so work
/// on many shards is parted by it.
extension PresenceStore {
    package func byHome(_ shards: Set<Shard>) -> [ShardHome: Set<Shard>] {
        let parts = redis.byMaster(shards) { keys.slot(of: $0) }
        return Dictionary(uniqueKeysWithValues: parts.map { (ShardHome($0), Set($1)) })
    }

    /// What is about users, each part in the order given.
    package func byHome<Item>(_ items: [Item], user: (Item) -> UserID) -> [[Item]] {
        // Where there is one, it has all.
        guard redis.isCluster else { return items.isEmpty ? [] : [items] }
        return Array(redis.byMaster(items) { keys.slot(of: keys.shard(of: user($0))) }.values)
    }

    package func home(of user: UserID) -> ShardHome {
        ShardHome(redis.master(of: keys.slot(of: keys.shard(of: user))))
    }

    /// The server that has a shard, as it is called in the log; nil where it is not known.
    package func master(of shard: Shard) -> RedisAddress? { redis.master(of: keys.slot(of: shard)) }

    /// What is wrong with the way to Redis, as sentences: which masters cannot be used, and why it cannot be learned who
    /// they are.
    package var complaintsAboutMasters: [String] {
        let absent = redis.absentMasters.map { address, reason in
            reason.passesSoon
                ? "Redis master \(address) cannot be reached: its users get 503."
                : "Redis master \(address) cannot be used, its users get 503: \(reason.message)"
        }
        return absent + [redis.complaint].compactMap(\.self)
    }
}
