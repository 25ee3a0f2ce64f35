import PresenceCore
import RedisClient

/// How a shard stood at one moment. Times are Redis times in milliseconds.
package struct ShardLook: Sendable, Equatable {
    package var shard: Shard
    package var nowMs: Int
    /// Who does its background work, percent-encoded as in records, until when, and when it swept last.
    package var owner: String?
    package var ownedUntilMs: Int?
    package var sweptMs: Int?
    /// The earliest deadline.
    package var dueMs: Int?
    package var graceBeganMs: Int?
    /// Keys of another type than they must have.
    package var broken: [String]

    /// Events not delivered yet, as counted, up to `waitingCountedMax`; nil where the cursor is none of this stream.
    package var waiting: Int?
    package var cursorBeyond: String?
    /// The same as it stands beside the cursor.
    package var backlog: Int
    /// Position of the first of them.
    package var firstWaiting: String?
    package var aside: Int
    package var dead: Int
    /// Dead letters lost as there was no room for them.
    package var dropped: Int

    package static let waitingCountedMax = StoreLimits.backlogCountedMax

    package init(shard: Shard, nowMs: Int) {
        self.shard = shard
        self.nowMs = nowMs
        broken = []
        (backlog, aside, dead, dropped) = (0, 0, 0, 0)
    }

    package var isOwned: Bool { owner != nil && (ownedUntilMs ?? 0) > nowMs }
    /// How long nobody has swept it; nil where nobody ever did.
    package var unsweptMs: Int? { sweptMs.map { nowMs - $0 } }
    /// How overdue the first of its users is.
    package var overdueMs: Int { dueMs.map { max(0, nowMs - $0) } ?? 0 }
    /// How long the first of its events has waited.
    package var waitingMs: Int {
        firstWaiting.flatMap(StreamPosition.milliseconds).map { max(0, nowMs - $0) } ?? 0
    }
    /// What the backlog should say; nil where that is not known, for there are too many.
    package var countedBacklog: Int? { waiting.flatMap { $0 < Self.waitingCountedMax ? $0 : nil } }
}

extension PresenceStore {
    /// How these shards stand, each at one moment.
    package func look(at shards: [Shard]) async -> ShardAnswers<ShardLook> {
        let answers = await run(
            shards.map { shard in
                ScriptCall(
                    Scripts.lookAtShard,
                    keys: [
                        keys.owner(shard), keys.cursor(shard), keys.events(shard), keys.aside(shard), keys.dead(shard),
                        keys.deadlines(shard), keys.counts(shard), keys.grace(shard),
                    ],
                    arguments: [String(ShardLook.waitingCountedMax)])
            }, patience: .caller)
        let seen = zip(shards, answers).map { ($0, $1) }
        return ShardAnswers(shards, seen) { seen throws(StoreError) in ShardLook(seen.0, try seen.1.get().texts) }
    }

    /// Sets the number of a shard's waiting events to what can be counted.
    /// - Returns: whether it could be.
    package func mendBacklog(of shard: Shard) async throws(StoreError) -> Bool {
        try await run(
            Scripts.mendBacklog, keys: [keys.cursor(shard), keys.events(shard)], [String(ShardLook.waitingCountedMax)]
        ).word == .mended
    }
}

extension ShardLook {
    /// Reads names and values in turn; what is no number was written by hand and counts as absent.
    fileprivate init(_ shard: Shard, _ texts: [String]) {
        var values: [String: String] = [:]
        var broken: [String] = []
        for index in stride(from: 0, to: texts.count - 1, by: 2) {
            if texts[index] == "broken" {
                broken.append(texts[index + 1])
            } else {
                values[texts[index]] = texts[index + 1]
            }
        }
        func time(_ name: String) -> Int? { StoredNumber.time(values[name]) }
        func count(_ name: String) -> Int? { StoredNumber.count(values[name]) }
        self.init(shard: shard, nowMs: time("now") ?? 0)
        self.broken = broken.sorted()
        owner = values["worker"]
        (ownedUntilMs, sweptMs, dueMs, graceBeganMs) = (
            time("until"), time("swept"), time("due"), time("grace")
        )
        (waiting, cursorBeyond, firstWaiting) = (count("waiting"), values["beyond"], values["first"])
        backlog = count("backlog") ?? 0
        (aside, dead, dropped) = (count("aside") ?? 0, count("dead") ?? 0, count("dropped") ?? 0)
    }
}
