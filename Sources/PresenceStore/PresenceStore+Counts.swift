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
    /// - Returns: false if something changed in it meanwhile, a record cannot be read, or there are no deadlines to tell
    ///   its users: nothing was written.
    package func recount(_ shard: Shard) async throws(StoreError) -> Bool {
        let last = try await send(RedisCommand("XREVRANGE", key: keys.events(shard), "+", "-", "COUNT", "1"))
        var counts: [String: Int] = [:]
        var seen: Set<UserID> = []
        var cursor = "0"
        repeat {
            let page = try await send(
                RedisCommand(
                    "ZSCAN", key: keys.deadlines(shard), cursor, "COUNT", String(StoreLimits.pageEntriesMax))
            ).array
            guard let page, page.count == 2, let next = page[0].string, let members = page[1].array else {
                return false
            }
            cursor = next
            let users = stride(from: 0, to: members.count, by: 2).compactMap { index in
                members[index].string.flatMap { try? UserID($0) }
            }.filter { seen.insert($0).inserted }
            guard try await count(users, into: &counts) else { return false }
        } while cursor != "0"
        guard !seen.isEmpty else { return false }
        let position = last.array?.first?.array?.first?.string ?? "0-0"
        let answer = try await run(
            Scripts.mendCounts, keys: [keys.counts(shard), keys.events(shard)],
            [position] + counts.flatMap { [$0.key, String($0.value)] })
        return answer.word == .mended
    }

    /// - Returns: false if a record cannot be read.
    private func count(_ users: [UserID], into counts: inout [String: Int]) async throws(StoreError) -> Bool {
        for presence in try await presences(of: users) {
            guard case .success(let user) = presence else { return false }
            for session in user.sessions {
                counts["\(session.status.rawValue):\(session.id.platform)", default: 0] += 1
            }
            counts["users:\(user.status.rawValue)", default: 0] += 1
        }
        return true
    }
}
