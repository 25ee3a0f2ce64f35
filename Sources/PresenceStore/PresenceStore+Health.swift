import PresenceCore
import RedisClient

/// What a look at the whole service learns. Times are Redis time in milliseconds.
package struct HealthFacts: Sendable {
    package struct ShardHealth: Sendable, Equatable {
        package var owner: String?
        package var ownedUntilMs = 0
        /// nil for a shard nobody ever swept.
        package var sweptAtMs: Int?
        /// When the first of its users is due; nil without users.
        package var firstDueMs: Int?
        package var isInGrace = false
        /// Position of the last event that is done.
        package var cursor = "0-0"
        package var backlog = 0
        /// When the oldest event that waits was committed; nil where none does.
        package var oldestWaitingMs: Int?
        package var aside = 0
        package var dead = 0

        package init() {}
    }

    package var nowMs: Int
    package var live: [WorkerSaying]
    package var rules: SharedRules.Adopted?
    package var shards: [Shard: ShardHealth] = [:]
    /// Shards whose master cannot be asked, and why.
    package var failures: [Shard: StoreError] = [:]
    /// What the Redis user may not do of what the service has to, as a sentence.
    package var complaint: String?

    package init(nowMs: Int, live: [WorkerSaying], rules: SharedRules.Adopted?) {
        self.nowMs = nowMs
        self.live = live
        self.rules = rules
    }
}

extension PresenceStore {
    /// Looks at the workers and at every shard, in two round trips.
    package func health() async throws(StoreError) -> HealthFacts {
        let replies = await redis.pipeline([
            RedisCommand(words: ["TIME"], routedBy: keys.workers),
            RedisCommand("ZRANGE", key: keys.workers, "0", "-1", "WITHSCORES"),
            RedisCommand("HGETALL", key: keys.rules),
        ])
        let nowMs = try Self.milliseconds(replies[0].orThrow())
        var facts = HealthFacts(
            nowMs: nowMs, live: Self.live(try replies[1].orThrow().pairs, nowMs),
            rules: SharedRules.Adopted(try replies[2].orThrow().pairs))
        let cursors = await readShards(&facts)
        for (shard, age) in await events(after: cursors, limit: 1).answers {
            facts.shards[shard]?.oldestWaitingMs = age.first.flatMap { StreamPosition.milliseconds($0.position) }
        }
        return facts
    }

    /// Who is registered and was heard of lately, as an onlooker sees it.
    package func liveWorkers() async throws(StoreError) -> [WorkerSaying] {
        let replies = await redis.pipeline([
            RedisCommand(words: ["TIME"], routedBy: keys.workers),
            RedisCommand("ZRANGE", key: keys.workers, "0", "-1", "WITHSCORES"),
        ])
        return Self.live(try replies[1].orThrow().pairs, try Self.milliseconds(replies[0].orThrow()))
    }

    /// - Parameter heard: what each says of itself, and when it said so last.
    private static func live(_ heard: [String: String], _ nowMs: Int) -> [WorkerSaying] {
        heard.filter { nowMs - (StoredNumber.time($0.value) ?? 0) < StoreLimits.workerSilenceMs }
            .compactMap { WorkerSaying($0.key) }.sorted { $0.worker < $1.worker }
    }

    /// Redis time in milliseconds, of the master that has the list of workers.
    package func timeMs() async throws(StoreError) -> Int {
        try Self.milliseconds(await send(RedisCommand(words: ["TIME"], routedBy: keys.workers)))
    }

    static func milliseconds(_ time: RedisValue) throws(StoreError) -> Int {
        let parts = time.array?.compactMap(\.int) ?? []
        guard parts.count == 2 else { throw StoreError(.unavailable, "Redis did not tell its time; is that Redis?") }
        return Int(parts[0] * 1_000 + parts[1] / 1_000)
    }

    /// - Returns: where delivery of the shards stands in which events wait.
    private func readShards(_ facts: inout HealthFacts) async -> [Shard: String] {
        let commands = (0..<keys.shards).map { shard in
            [
                RedisCommand("HGETALL", key: keys.owner(shard)), RedisCommand("HGETALL", key: keys.cursor(shard)),
                RedisCommand("ZRANGE", key: keys.deadlines(shard), "0", "0", "WITHSCORES"),
                RedisCommand("GET", key: keys.grace(shard)), RedisCommand("XLEN", key: keys.aside(shard)),
                RedisCommand("XLEN", key: keys.dead(shard)),
            ]
        }
        var replies = await redis.pipeline(commands.flatMap(\.self))[...]
        var cursors: [Shard: String] = [:]
        for shard in 0..<keys.shards {
            let own = Array(replies.prefix(6))
            replies = replies.dropFirst(6)
            do throws(StoreError) {
                var health = HealthFacts.ShardHealth()
                let owner = try own[0].orThrow().pairs
                health.owner = owner["worker"]
                health.ownedUntilMs = StoredNumber.time(owner["until"]) ?? 0
                health.sweptAtMs = StoredNumber.time(owner["swept"])
                let cursor = try own[1].orThrow().pairs
                health.backlog = StoredNumber.count(cursor["backlog"]) ?? 0
                health.firstDueMs = StoredNumber.time(try own[2].orThrow().array?.last?.string)
                health.isInGrace = try own[3].orThrow() != .null
                health.aside = Int(try own[4].orThrow().int ?? 0)
                health.dead = Int(try own[5].orThrow().int ?? 0)
                health.cursor = cursor["id"] ?? "0-0"
                if health.backlog > 0 { cursors[shard] = health.cursor }
                facts.shards[shard] = health
            } catch {
                facts.failures[shard] = error
            }
        }
        return cursors
    }

    /// Where the event logs of these shards end: `0-0` where there is nothing.
    package func lastEvents(of shards: [Shard]) async -> ShardAnswers<String> {
        let replies = await redis.pipeline(
            shards.map { RedisCommand("XREVRANGE", key: keys.events($0), "+", "-", "COUNT", "1") })
        return ShardAnswers(shards, replies) { reply throws(StoreError) in
            try reply.orThrow().array?.first?.array?.first?.string ?? "0-0"
        }
    }
}
