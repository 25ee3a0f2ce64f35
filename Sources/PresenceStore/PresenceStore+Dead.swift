import PresenceCore
import RedisClient

/// Which dead letters are meant: those of changes in a span of time, and of one user.
package struct DeadLetterFilter: Sendable {
    /// Times of changes (`EventTime`), Redis time in milliseconds.
    package var changedAtMs: ClosedRange<Int>
    /// Nil for all users.
    package var user: UserID?

    package init(changedAtMs: ClosedRange<Int> = 0...Int.max, user: UserID? = nil) {
        self.changedAtMs = changedAtMs
        self.user = user
    }

    package func takes(_ change: StatusChange) -> Bool {
        changedAtMs.contains(change.atMs) && (user.map { $0 == change.user } ?? true)
    }
}

/// What a replay came to.
package struct ReplayAnswer: Sendable, Equatable {
    package var replayed = 0
    /// Those meant that had no room among the events set aside.
    package var left = 0
    /// Those this version cannot read; a replay leaves them alone.
    package var unreadable = 0

    package init(replayed: Int = 0, left: Int = 0, unreadable: Int = 0) {
        self.replayed = replayed
        self.left = left
        self.unreadable = unreadable
    }
}

/// Dead letters that are there no more and were not replayed.
package struct GoneLetters: Sendable, Equatable {
    /// Lost as there was no room for them.
    package var dropped = 0
    /// Dropped by operators.
    package var discarded = 0

    package init() {}
}

/// Dead letters: events the receiver will not take.
extension PresenceStore {
    /// Moves dead letters of a shard to the events set aside, where the owner delivers them: those of one user in the
    /// order of their versions, and as many as leave half of the room there to users who fail meanwhile.
    package func replayDeadLetters(
        of shard: Shard, _ filter: DeadLetterFilter = DeadLetterFilter()
    ) async throws(StoreError) -> ReplayAnswer {
        var answer = ReplayAnswer()
        var letters: [(position: String, change: StatusChange)] = []
        for letter in try await deadLetters(of: shard) {
            guard let change = letter.entry.change else {
                answer.unreadable += 1
                continue
            }
            if filter.takes(change) { letters.append((letter.entry.position, change)) }
        }
        guard !letters.isEmpty else { return answer }
        letters.sort { $0.change.version < $1.change.version }
        var waiting = try await asideCounts(of: shard)
        let most = letters.filter { letter in
            waiting[letter.change.user, default: 0] += 1
            return waiting[letter.change.user, default: 0] <= StoreLimits.asidePerUserMax
        }
        for start in stride(from: 0, to: most.count, by: StoreLimits.replayBatchMax) {
            let batch = most[start..<min(start + StoreLimits.replayBatchMax, most.count)]
            let moved = try await run(
                Scripts.replay, keys: [keys.dead(shard), keys.aside(shard)],
                [String(StoreLimits.asidePerShardMax / 2)] + batch.map(\.position))
            answer.replayed += try moved.int(0)
            if moved.word == .full { break }
        }
        answer.left = letters.count - answer.replayed
        return answer
    }

    /// Drops these letters of a shard for good. They count as `discarded` in the hash of the cursor.
    /// - Parameter letters: their entries.
    /// - Returns: how many were still there.
    package func dropDeadLetters(_ letters: [String], of shard: Shard) async throws(StoreError) -> Int {
        var dropped = 0
        for start in stride(from: 0, to: letters.count, by: StoreLimits.dropBatchMax) {
            let batch = letters[start..<min(start + StoreLimits.dropBatchMax, letters.count)]
            dropped += try await run(
                Scripts.dropDead, keys: [keys.dead(shard), keys.cursor(shard), keys.attempts(shard)],
                [String(options.eventsRetentionMs)] + batch
            ).int(0)
        }
        return dropped
    }

    /// One dead letter, and its fields as they stand in the stream; nil if it is there no more.
    package func deadLetter(
        _ entry: String, of shard: Shard
    ) async throws(StoreError) -> (letter: DeadLetter, fields: [(String, String)])? {
        let reply = try await send(RedisCommand("XRANGE", key: keys.dead(shard), entry, entry))
        guard let value = reply.array?.first, let fields = value.array?.last?.array?.map({ $0.string ?? "" }),
            let letter = DeadLetter(value) ?? OutboxEntry(value).map({ DeadLetter(entry: $0, why: "") })
        else { return nil }
        return (letter, stride(from: 0, to: fields.count - 1, by: 2).map { (fields[$0], fields[$0 + 1]) })
    }

    /// How many dead letters these shards ever had that are there no more and were not replayed.
    package func goneLetters(of shards: [Shard]) async throws(StoreError) -> GoneLetters {
        var gone = GoneLetters()
        let fields = ["dropped", "discarded"]
        for reply in await redis.pipeline(shards.map { RedisCommand("HMGET", key: keys.cursor($0), fields) }) {
            let counts = try reply.orThrow().array?.map { StoredNumber.count($0.string) ?? 0 } ?? []
            guard counts.count == fields.count else { continue }
            gone.dropped += counts[0]
            gone.discarded += counts[1]
        }
        return gone
    }

    /// All dead letters of a shard, in the order of their deaths.
    package func deadLetters(of shard: Shard) async throws(StoreError) -> [DeadLetter] {
        try await all(keys.dead(shard)).compactMap { value in
            DeadLetter(value) ?? OutboxEntry(value).map { DeadLetter(entry: $0, why: "") }
        }
    }

    /// How many events of each user are set aside.
    private func asideCounts(of shard: Shard) async throws(StoreError) -> [UserID: Int] {
        try await all(keys.aside(shard)).reduce(into: [:]) { counts, value in
            if let user = OutboxEntry(value)?.change?.user { counts[user, default: 0] += 1 }
        }
    }

    /// A stream that is bounded, read page by page.
    func all(_ key: String) async throws(StoreError) -> [RedisValue] {
        var entries: [RedisValue] = []
        var start = "-"
        while true {
            let page = try await send(
                RedisCommand("XRANGE", key: key, start, "+", "COUNT", String(StoreLimits.pageEntriesMax)))
            entries += page.array ?? []
            guard let count = page.array?.count, count == StoreLimits.pageEntriesMax,
                let last = entries.last?.array?.first?.string
            else { return entries }
            start = "(\(last)"
        }
    }
}
