import PresenceCore
import RedisClient

/// What became of an event that was set aside.
package struct FinishedAside: Sendable, Equatable {
    package var entry: String
    /// Why it is a dead letter; nil if it was delivered.
    package var whyDead: String?
    /// Attempts made since it was set aside, as far as the shard's owner knows.
    package var attempts: Int

    package init(entry: String, whyDead: String? = nil, attempts: Int = 0) {
        self.entry = entry
        self.whyDead = whyDead
        self.attempts = attempts
    }
}

package enum FinishAnswer: Sendable, Equatable {
    /// How many were still there, and how many of the oldest dead letters were dropped to make room.
    case finished(Int, dropped: Int)
    /// The shard has another owner.
    case lost
}

/// Events set aside: those of users whose receiver keeps failing for them, so that the cursor can move on.
extension PresenceStore {
    /// The events set aside after a position of each shard, at most `limit` of each, a thousand by default.
    package func aside(
        after positions: [Shard: String], limit: Int = StoreLimits.pageEntriesMax
    ) async -> ShardAnswers<[OutboxEntry]> {
        await entries(positions.map { ($0, keys.aside($0), "(\($1)") }, limit: limit)
    }

    /// One event set aside; nil if it is there no more.
    package func aside(_ entry: String, of shard: Shard) async throws(StoreError) -> OutboxEntry? {
        try await send(RedisCommand("XRANGE", key: keys.aside(shard), entry, entry), patience: .background)
            .array?.first.flatMap(OutboxEntry.init)
    }

    /// Takes events out of those set aside: the delivered are gone, the others dead letters.
    package func finishAside(
        _ finished: [Shard: (fence: Fence, events: [FinishedAside])]
    ) async -> ShardAnswers<FinishAnswer> {
        let answers = await run(
            finished.map { shard, finished in
                ScriptCall(
                    Scripts.finishAside,
                    keys: [
                        keys.owner(shard), keys.aside(shard), keys.dead(shard), keys.cursor(shard),
                        keys.attempts(shard),
                    ],
                    arguments: [
                        options.worker, String(finished.fence), String(StoreLimits.deadLettersPerShardMax),
                        String(options.eventsRetentionMs),
                    ] + finished.events.flatMap { [$0.entry, $0.whyDead ?? "", String($0.attempts)] })
            })
        return ShardAnswers(finished.keys, answers) { answer throws(StoreError) in
            let answer = try answer.get()
            guard answer.word == .finished else { return .lost }
            return .finished(try answer.int(0), dropped: try answer.int(1))
        }
    }
}
