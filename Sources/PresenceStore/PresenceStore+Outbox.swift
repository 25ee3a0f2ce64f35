import PresenceCore
import RedisClient

/// Where delivery of a shard stands.
package struct OpenOutbox: Sendable, Equatable {
    /// The last event that is done.
    package var cursor: OutboxEntry
    /// Whether that event is still there; of one that is not only the position is known.
    package var isCursorThere: Bool
    /// Redis time in milliseconds.
    package var nowMs: Int
    /// Something was damaged and has been mended.
    package var wasMended: Bool

    package init(cursor: OutboxEntry, isCursorThere: Bool, nowMs: Int, wasMended: Bool) {
        self.cursor = cursor
        self.isCursorThere = isCursorThere
        self.nowMs = nowMs
        self.wasMended = wasMended
    }
}

/// Events at the front of an outbox, all of them done or set aside.
package struct DoneEvents: Sendable, Equatable {
    package var fence: Fence
    /// The position the cursor is believed to stand at.
    package var after: String
    /// The last of the events; the script moves the cursor to no other than this one.
    package var position: String
    package var id: String
    package var count: Int
    /// Positions of those of them that are set aside, at most `acknowledgedAsideMax`.
    package var aside: [String]
    /// By position: how many attempts those took that took more than one; of those set aside, all that were made.
    package var attempts: [String: Int]

    package init(
        fence: Fence, after: String, position: String, id: String, count: Int, aside: [String] = [],
        attempts: [String: Int] = [:]
    ) {
        self.fence = fence
        self.after = after
        self.position = position
        self.id = id
        self.count = count
        self.aside = aside
        self.attempts = attempts
    }

    /// What the script takes of each that is set aside or took several attempts.
    var told: [String] {
        let delivered = attempts.keys.filter { !aside.contains($0) }
        return aside.flatMap { [$0, "aside", String(attempts[$0] ?? 0)] }
            + delivered.flatMap { [$0, "done", String(attempts[$0] ?? 0)] }
    }
}

package enum Acknowledgement: Sendable, Equatable {
    /// The entries the set-aside have among the events set aside, in the order given; fewer if some were there no more.
    case acknowledged(aside: [String])
    /// The cursor stood there or further on; nothing was done.
    case already
    /// The event does not stand there (any more): the outbox has to be read anew.
    case moved
    /// The shard has another owner.
    case lost
}

/// Reading and acknowledging the outbox.
extension PresenceStore {
    /// Where delivery of each shard stands; nil for shards with another owner. Mends what was damaged by hand.
    package func openOutboxes(_ owned: [Shard: Fence]) async -> ShardAnswers<OpenOutbox?> {
        let answers = await run(
            owned.map { shard, fence in
                ScriptCall(
                    Scripts.openOutbox,
                    keys: [
                        keys.owner(shard), keys.cursor(shard), keys.events(shard), keys.aside(shard), keys.dead(shard),
                        keys.deadlines(shard), keys.counts(shard),
                    ],
                    arguments: [options.worker, String(fence), String(StoreLimits.backlogCountedMax)])
            })
        return ShardAnswers(owned.keys, answers) { answer throws(StoreError) in
            let answer = try answer.get()
            guard answer.word == .open else { return .some(nil) }
            guard let position = answer.texts.first else { throw answer.unexpected }
            let fields = answer.texts.dropFirst(3).map { RedisValue.string($0) }
            return OpenOutbox(
                cursor: OutboxEntry(position: position, change: StatusChange(fields[...], at: position)),
                isCursorThere: !fields.isEmpty, nowMs: try answer.int(1), wasMended: try answer.int(2) == 1)
        }
    }

    /// The events after a position of each shard, at most `limit` of each.
    package func events(
        after positions: [Shard: String], limit: Int
    ) async -> ShardAnswers<[OutboxEntry]> {
        await entries(positions.map { ($0, keys.events($0), "(\($1)") }, limit: limit)
    }

    /// The event at a position of each shard, if it is there, and those after it, at most `limit` of those.
    package func events(
        from positions: [Shard: String], limit: Int
    ) async -> ShardAnswers<[OutboxEntry]> {
        await entries(positions.map { ($0, keys.events($0), $1) }, limit: limit + 1)
    }

    /// Entries of one stream of each shard.
    func entries(
        _ starts: [(shard: Shard, key: String, start: String)], limit: Int
    ) async -> ShardAnswers<[OutboxEntry]> {
        let replies = await redis.pipeline(
            starts.map { RedisCommand("XRANGE", key: $0.key, $0.start, "+", "COUNT", String(limit)) },
            patience: .background)
        return ShardAnswers(starts.map(\.shard), replies) { reply throws(StoreError) in
            try reply.orThrow().array?.compactMap(OutboxEntry.init)
        }
    }

    /// Moves the cursor of each shard over events that are done, and copies those of them that are set aside.
    package func acknowledge(
        _ done: [Shard: DoneEvents]
    ) async -> ShardAnswers<Acknowledgement> {
        let answers = await run(
            done.map { shard, events in
                ScriptCall(
                    Scripts.acknowledge,
                    keys: [
                        keys.owner(shard), keys.cursor(shard), keys.events(shard), keys.aside(shard),
                        keys.attempts(shard),
                    ],
                    arguments: [
                        options.worker, String(events.fence), events.position, events.id,
                        String(options.eventsRetentionMs), events.after, String(events.count),
                    ] + events.told)
            })
        return ShardAnswers(done.keys, answers) { answer throws(StoreError) in
            let answer = try answer.get()
            switch answer.word {
            case .acknowledged: return .acknowledged(aside: answer.texts)
            case .already: return .already
            case .moved: return .moved
            case .lost: return .lost
            }
        }
    }

    /// How many events wait to be delivered, over all shards.
    package func waitingEvents() async throws(StoreError) -> Int {
        let commands = (0..<keys.shards).map { RedisCommand("HGET", key: keys.cursor($0), "backlog") }
        var waiting = 0
        for result in await redis.pipeline(commands) { waiting += Int(try result.orThrow().int ?? 0) }
        return waiting
    }

    /// Moves the cursor of each shard over all events there are: nobody is to be told.
    package func passEvents(_ owned: [Shard: Fence]) async -> ShardAnswers<PassAnswer> {
        let answers = await run(
            owned.map { shard, fence in
                ScriptCall(
                    Scripts.pass, keys: [keys.owner(shard), keys.cursor(shard), keys.events(shard)],
                    arguments: [options.worker, String(fence), String(options.eventsRetentionMs)])
            })
        return ShardAnswers(owned.keys, answers) { answer throws(StoreError) in
            let answer = try answer.get()
            return answer.word == .passed ? .passed(try answer.text(0)) : .lost
        }
    }
}

/// Forgetting what was delivered.
extension PresenceStore {
    /// Trims what is delivered and older than its retention; delivery trims too, but only where it moves on. Of a shard
    /// all of whose events are done the last one stays, which proves where the cursor stands.
    package func trimEvents(of shards: [Shard]) async -> ShardAnswers<Int> {
        let answers = await run(
            shards.map { shard in
                ScriptCall(
                    Scripts.trim, keys: [keys.cursor(shard), keys.events(shard)],
                    arguments: [String(options.eventsRetentionMs)])
            })
        return ShardAnswers(shards, answers) { answer throws(StoreError) in try answer.get().int(0) }
    }
}

package enum PassAnswer: Sendable, Equatable {
    /// The position of the last event, `0-0` where there is none.
    case passed(String)
    /// The shard has another owner.
    case lost

    package var position: String? {
        if case .passed(let position) = self { position } else { nil }
    }
}
