import PresenceCore
import PresenceStore

/// The cursor is older than changes are kept, or of other data.
package struct FeedCursorExpired: Error {}

/// Reading on from a cursor until what is there is read: each event once, round by round.
struct CatchUp: Sendable {
    private(set) var reader: LogReader
    /// Shards whose end was not reached yet.
    private(set) var left: Set<Shard>
    private let start: FeedCursor
    private let retentionMs: Int
    private let shards: Int
    private var isFirst = true

    init(_ store: PresenceStore, from start: FeedCursor) {
        self.start = start
        retentionMs = store.options.eventsRetentionMs
        shards = store.keys.shards
        reader = LogReader(shards: shards, start: start, retentionMs: retentionMs, now: .now)
        left = Set(0..<shards)
    }

    /// All was there is read.
    var isComplete: Bool { left.isEmpty }

    /// All is to be read once more.
    mutating func again() { left = Set(0..<shards) }

    /// What one read brought, in order.
    /// - Throws: `FeedCursorExpired`; `StoreError` if some shards cannot be read: they are read next time.
    mutating func round(_ store: PresenceStore) async throws -> [FeedChange] {
        let limit = min(FeedLimits.eventsPerReadMax, max(1, FeedLimits.roundEventsMax / max(1, left.count)))
        let reads = await store.readLogs(reader.tails.positions(of: left), byHomeWith: limit)
        var changes: [FeedChange] = []
        var failure: StoreError?
        for read in reads {
            switch read {
            case .failure(let error): failure = error
            case .success(let read):
                if isFirst, start.isExpired(at: read, retentionMs: retentionMs) { throw FeedCursorExpired() }
                let round = reader.take(read)
                guard round.missed.isEmpty else { throw FeedCursorExpired() }
                left.subtract(read.entries.answers.keys)
                left.formUnion(round.behind)
                changes += round.changes
                failure = round.failure ?? failure
            }
        }
        if changes.isEmpty, let failure { throw failure }
        if failure == nil { isFirst = false }
        return changes.sorted { $0.position < $1.position }
    }

    /// Events behind this may have others before them that are not read.
    var horizon: FeedPosition? { left.map { reader.watermark[$0] }.min() }
}

extension FeedCursor {
    /// Changes behind it may have been trimmed; or the clock has been set back behind it, so that there may be changes
    /// since which are before it.
    fileprivate func isExpired(at read: LogRead, retentionMs: Int) -> Bool {
        let nowMs = read.masterMs + Int(read.took / .milliseconds(1)) + 1
        return position.ms < nowMs - retentionMs || position.ms > read.masterMs
    }
}

extension PresenceStore {
    /// Reads logs, those of each master by themselves.
    func readLogs(
        _ positions: [Shard: String], byHomeWith limit: Int
    ) async -> [Result<LogRead, StoreError>] {
        await withTaskGroup { group in
            for shards in byHome(Set(positions.keys)).values {
                group.addTask { () async -> Result<LogRead, StoreError> in
                    do throws(StoreError) {
                        return .success(
                            try await readLogs(of: shards, limit: limit) { _ in
                                positions.filter { shards.contains($0.key) }
                            })
                    } catch {
                        return .failure(error)
                    }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
    }
}
