import PresenceCore
import RedisClient

/// The live counts mirror the records. They change in the same scripts; damaged by hand, they are counted anew.
extension PresenceStore {
    /// Sessions by status and platform and users by status, over all shards.
    package func counts() async throws(StoreError) -> PresenceCounts {
        var counts = PresenceCounts()
        for shard in await redis.pipeline((0..<keys.shards).map { RedisCommand("HGETALL", key: keys.counts($0)) }) {
            counts.add(try shard.orThrow().pairs)
        }
        return counts
    }

    /// Shards whose counts of users are not those of the deadlines, which every user with a session is among. A change
    /// between the two looks shows as one too; one that cannot be asked does not.
    package func miscounted(_ shards: [Shard]) async -> Set<Shard> {
        let results = await redis.pipeline(
            shards.flatMap { shard in
                [
                    RedisCommand("ZCARD", key: keys.deadlines(shard)),
                    RedisCommand("HMGET", key: keys.counts(shard), "users:Online", "users:PushOnline"),
                ]
            }, patience: .background)
        return Set(
            shards.enumerated().filter { index, _ in
                guard let users = try? results[2 * index].get().int else { return false }
                switch results[2 * index + 1] {
                case .failure(let error): return error.code == .rejected(.wrongType)
                case .success(let reply):
                    let counted = reply.array?.map { $0 == .null ? 0 : $0.int }
                    return counted?.contains(nil) ?? true || counted?.reduce(0) { $0 + ($1 ?? 0) } != users
                }
            }.map(\.element))
    }

    /// Counts a shard anew, and sets its live counts to that.
    /// - Returns: false if something changed in it meanwhile, a record cannot be read, or there are no deadlines to tell
    ///   its users: nothing was written.
    package func recount(_ shard: Shard) async throws(StoreError) -> Bool {
        guard let recount = try await recount(shard, and: []), recount.users > 0 else { return false }
        return try await mendCounts(of: shard, recount)
    }
}

extension PresenceCounts {
    /// Adds the counts of a shard as they stand in Redis; fields that are none are left out.
    mutating func add(_ fields: [String: String]) {
        for (name, text) in fields {
            let parts = name.split(separator: ":")
            guard parts.count == 2, let number = Int(text) else { continue }
            if parts[0] == "users", let status = Status(rawValue: String(parts[1])) {
                users[status, default: 0] += number
            } else if let status = Status(rawValue: String(parts[0])), let platform = try? Platform(String(parts[1])) {
                sessions[status, default: [:]][platform, default: 0] += number
            }
        }
    }

    package static func += (counts: inout Self, more: Self) {
        counts.users.merge(more.users, uniquingKeysWith: +)
        counts.sessions.merge(more.sessions) { $0.merging($1, uniquingKeysWith: +) }
    }
}
