import PresenceCore
import PresenceStore

/// A change, and where somebody goes on who was told it and all before it.
package struct FeedChange: Sendable, Equatable {
    package var change: StatusChange
    package var position: FeedPosition
    package var cursor: FeedCursor
}

/// What one read of shards of one master brought.
struct LogRead: Sendable {
    /// When it was asked for, its time then, and how long it took from then on.
    var begun: ContinuousClock.Instant
    var masterMs: Int
    var took: Duration
    var entries: ShardAnswers<[OutboxEntry]>
    /// The most events of one shard that were asked for.
    var limit: Int
}

extension PresenceStore {
    /// Reads logs of shards of one master.
    /// - Parameter positions: of the last event read of each, once the master has told its time.
    func readLogs(
        of shards: Set<Shard>, limit: Int, from positions: (_ masterMs: Int) -> [Shard: String]
    ) async throws(StoreError) -> LogRead {
        guard let shard = shards.first else { throw StoreError(.unavailable, "No shard is to be read.") }
        let begun = ContinuousClock.now
        // Asked in a call of its own: one that is repeated would come behind the reading.
        let masterMs = try await timeMs(at: shard)
        let entries = await events(from: positions(masterMs), limit: limit)
        return LogRead(
            begun: begun, masterMs: masterMs, took: .now - begun, entries: entries, limit: limit)
    }
}

/// How far the logs of all shards are read by one who follows them. Pure: the caller reads.
struct LogReader: Sendable {
    /// What a read brought that was taken in.
    struct Round: Sendable {
        /// In the order of all shards' events.
        var changes: [FeedChange] = []
        /// Shards of which there is more.
        var behind: Set<Shard> = []
        /// Shards of which changes may have been trimmed unread.
        var missed: Set<Shard> = []
        var failure: StoreError?
        /// Of each change, from its commit to its reading, in milliseconds, by the master's clock.
        var delaysMs: [Int] = []
        /// Shards with something new, and those of them whose news a hint would have told before.
        var found: Set<Shard> = []
        var late: Set<Shard> = []
    }

    private(set) var tails: EventTails
    private(set) var watermark: Watermark
    private let dataID: String
    private let retentionMs: Int
    private let begun: ContinuousClock.Instant
    private var unread: Set<Shard>

    /// - Parameter start: all events behind it are to be read.
    init(shards: Int, start: FeedCursor, retentionMs: Int, now: ContinuousClock.Instant) {
        let positions = (0..<shards).map { ($0, start.position.start(in: $0)) }
        tails = EventTails(Dictionary(uniqueKeysWithValues: positions), retentionMs: retentionMs, now: now)
        watermark = Watermark(shards: shards, start: start.position, retentionMs: retentionMs, now: now)
        dataID = start.dataID
        self.retentionMs = retentionMs
        begun = now
        unread = Set(0..<shards)
    }

    /// Where to read on who wants all since he began. A master that could not be asked then may have a slower clock than
    /// those that told the start: its logs are read from where its own clock stood.
    mutating func positions(
        of shards: Set<Shard>, masterMs: Int, now: ContinuousClock.Instant
    ) -> [Shard: String] {
        let sinceMs = masterMs - Int((now - begun) / .milliseconds(1)) - watermark.overlapMs
        for shard in shards.intersection(unread) {
            tails.goBack(shard, to: FeedPosition(ms: max(0, sinceMs)).start(in: shard))
        }
        return tails.positions(of: shards)
    }

    /// Where somebody goes on who was told all that was read.
    var cursor: FeedCursor { FeedCursor(watermark.position, dataID: dataID) }

    /// A delivered event is trimmed once it is older than the retention by its master's clock: of a shard that was read
    /// up to a place that young nothing can have been trimmed unread.
    mutating func take(_ read: LogRead) -> Round {
        var round = Round(failure: read.entries.failures.values.first)
        var found: [(position: FeedPosition, change: StatusChange)] = []
        let readAtMs = read.masterMs + Int(read.took / .milliseconds(1)) + 1
        for (shard, entries) in read.entries.answers {
            unread.remove(shard)
            let isOld = watermark[shard].ms < readAtMs - retentionMs
            let reading = tails.take(entries, of: shard, limit: read.limit, now: read.begun)
            let last = reading.isBehind ? reading.events.last.flatMap { FeedPosition($0.position, of: shard) } : nil
            watermark.read(shard, masterMs: read.masterMs, begun: read.begun, behindAt: last)
            if reading.isBehind { round.behind.insert(shard) }
            // A promoted replica has not got the end of the log, and its clock may be behind what was read there.
            if reading.isTailGone { tails.goBack(shard, to: watermark[shard].start(in: shard)) }
            if isOld, !reading.isContinued, !reading.events.isEmpty { round.missed.insert(shard) }
            if let first = reading.events.first {
                round.found.insert(shard)
                let committedMs = StreamPosition.milliseconds(first.position) ?? readAtMs
                if readAtMs - committedMs > FeedLimits.hintMsMax { round.late.insert(shard) }
            }
            for entry in reading.events {
                guard let change = entry.change, let position = FeedPosition(entry.position, of: shard) else {
                    continue
                }
                found.append((position, change))
            }
        }
        found.sort { $0.position < $1.position }
        let sure = watermark.position
        round.delaysMs = found.map { max(0, readAtMs - $0.position.ms) }
        round.changes = found.map { position, change in
            FeedChange(change: change, position: position, cursor: FeedCursor(min(position, sure), dataID: dataID))
        }
        return round
    }
}
