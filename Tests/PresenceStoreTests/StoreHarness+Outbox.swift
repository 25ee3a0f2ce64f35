import PresenceCore
import RedisClient
import Testing

@testable import PresenceStore

extension PresenceStore {
    /// Logs in so many users and gives the entries of their only shard.
    func fill(_ count: Int) async throws -> [OutboxEntry] {
        for number in 0..<count { try await loggedIn(UserID("user-\(number)"), .web) }
        return try await entries(0)
    }

    /// The fence of the only shard, owned for the time to come.
    func fence() async throws -> Fence { try #require(try await owned([0], leaseMs: 60_000)[0]) }

    /// The number of undelivered events the login script goes by.
    func backlog() async throws -> Int64? { try await command("HGET", keys.cursor(0), "backlog").int }

    func cursor() async throws -> String? { try await command("HGET", keys.cursor(0), "id").string }

    /// Acknowledges these events as a worker would that has read them.
    func acknowledge(
        _ entries: ArraySlice<OutboxEntry>, _ fence: Fence, after: String = "0-0", aside: [OutboxEntry] = []
    ) async throws -> Acknowledgement? {
        let last = try #require(entries.last)
        let done = DoneEvents(
            fence: fence, after: after, position: last.position, id: last.id, count: entries.count,
            aside: aside.map(\.position))
        return await acknowledge([0: done])[0]
    }

    /// Sets all of these events aside.
    /// - Returns: their entries there.
    func setAside(_ entries: ArraySlice<OutboxEntry>, of shard: Shard, _ fence: Fence) async throws -> [String] {
        let last = try #require(entries.last)
        let done = DoneEvents(
            fence: fence, after: "0-0", position: last.position, id: last.id, count: entries.count,
            aside: entries.map(\.position))
        guard case .acknowledged(let aside)? = await acknowledge([shard: done])[shard] else {
            throw Unexpected("not acknowledged")
        }
        return aside
    }

    /// All events set aside of the only shard.
    func asideEntries() async throws -> [OutboxEntry] { await aside(after: [0: "0-0"])[0] ?? [] }

    func finish(_ entry: String, whyDead: String? = nil, _ fence: Fence) async throws -> FinishAnswer? {
        await finishAside([0: (fence, [FinishedAside(entry: entry, whyDead: whyDead)])])[0]
    }
}
