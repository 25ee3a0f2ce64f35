import PresenceCore
import RedisClient

/// The live counts mirror the records. They change in the same scripts; damaged by hand, they are counted anew.
extension PresenceStore {
    /// Sessions by status and platform and users by status, over all shards.
    package func counts() async throws(StoreError) -> PresenceCounts {
        var counts = PresenceCounts()
        for shard in try await pipeline((0..<keys.shards).map { RedisCommand("HGETALL", key: keys.counts($0)) }) {
            for (name, text) in try shard.orThrow().pairs {
                let parts = name.split(separator: ":")
                guard parts.count == 2, let number = Int(text) else { continue }
                if parts[0] == "users", let status = Status(rawValue: String(parts[1])) {
                    counts.users[status, default: 0] += number
                } else if let status = Status(rawValue: String(parts[0])),
                    let platform = try? Platform(String(parts[1]))
                {
                    counts.sessions[status, default: [:]][platform, default: 0] += number
                }
            }
        }
        return counts
    }

    /// Shards whose counts of users are not those of the deadlines, which every user with a session is among. A change
    /// between the two looks shows as one too.
    package func miscounted(_ shards: [Shard]) async throws(StoreError) -> Set<Shard> {
        let replies = try await pipeline(
            shards.flatMap { shard in
                [
                    RedisCommand("ZCARD", key: keys.deadlines(shard)),
                    RedisCommand("HMGET", key: keys.counts(shard), "users:Online", "users:PushOnline"),
                ]
            })
        return Set(
            shards.enumerated().filter { index, _ in
                guard let users = replies[2 * index].int else { return false }
                let counted = replies[2 * index + 1].array?.map { $0 == .null ? 0 : $0.int }
                return counted?.contains(nil) ?? true || counted?.reduce(0) { $0 + ($1 ?? 0) } != users
            }.map(\.element))
    }

    /// Counts a shard anew.
    /// - Returns: false if something changed in it meanwhile, or a record cannot be read: nothing was written.
    package func recount(_ shard: Shard) async throws(StoreError) -> Bool {
        let last = try await send(RedisCommand("XREVRANGE", key: keys.events(shard), "+", "-", "COUNT", "1"))
        var counts: [String: Int] = [:]
        var rank = 0
        while true {
            let page = try await send(
                RedisCommand(
                    "ZRANGE", key: keys.deadlines(shard), String(rank),
                    String(rank + StoreLimits.pageEntriesMax - 1)))
            let users = (page.array ?? []).compactMap { $0.string.flatMap { try? UserID($0) } }
            if users.isEmpty { break }
            for record in try await pipeline(users.map { RedisCommand("HGETALL", key: keys.user($0)) }) {
                guard let user = DueUser(users[0], try record.orThrow()) else { return false }
                for session in user.sessions {
                    counts["\(session.status.rawValue):\(session.id.platform)", default: 0] += 1
                }
                counts["users:\(Status.ofUser(user.sessions.map(\.status)).rawValue)", default: 0] += 1
            }
            rank += users.count
        }
        let position = last.array?.first?.array?.first?.string ?? "0-0"
        let answer = try await run(
            Scripts.mendCounts, keys: [keys.counts(shard), keys.events(shard)],
            [position] + counts.flatMap { [$0.key, String($0.value)] })
        return answer.word == "mended"
    }
}
