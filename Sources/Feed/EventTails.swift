import PresenceCore
import PresenceStore

/// How far the event logs of shards are read by somebody who follows them. Pure: the caller reads.
///
/// A delivered event is trimmed once it is older than the retention. Who reads a log again sooner than that has missed
/// nothing, whatever was trimmed meanwhile.
package struct EventTails: Sendable {
    private struct Tail {
        var position: String
        var readAt: ContinuousClock.Instant
        /// Whether an event was read there.
        var isEvent = false
    }

    /// What a read brought.
    package struct Reading: Sendable, Equatable {
        /// New events, in their order.
        package var events: [OutboxEntry] = []
        /// Events may have been trimmed unread.
        package var mayHaveMissed = false
        /// There is more to read at once.
        package var isBehind = false
        /// The event at the position was there still, so that no later one can have been trimmed.
        package var isContinued = false
        /// The event at the position, which was read before, is gone: trimmed, or lost with the end of the log.
        package var isTailGone = false
    }

    private let retention: Duration
    private var tails: [Shard: Tail]

    /// - Parameters:
    ///   - positions: of the last event that is not of interest, by shard.
    ///   - retentionMs: how long delivered events can be read.
    package init(_ positions: [Shard: String], retentionMs: Int, now: ContinuousClock.Instant) {
        tails = positions.mapValues { Tail(position: $0, readAt: now) }
        retention = .milliseconds(retentionMs)
    }

    /// Where reading goes on: the event at the position is read again, for it proves that those behind it follow.
    package var positions: [Shard: String] { tails.mapValues(\.position) }

    /// The same of some of them.
    func positions(of shards: Set<Shard>) -> [Shard: String] {
        shards.reduce(into: [:]) { $0[$1] = tails[$1]?.position }
    }

    /// Takes in what was read of a shard from its position on.
    /// - Parameter limit: the most events that were asked for, the one at the position not counted.
    package mutating func take(
        _ entries: [OutboxEntry], of shard: Shard, limit: Int, now: ContinuousClock.Instant
    ) -> Reading {
        guard let tail = tails[shard] else { return Reading() }
        let isContinued = entries.first?.position == tail.position
        var reading = Reading(events: entries, isContinued: isContinued)
        if isContinued { reading.events.removeFirst() }
        reading.isTailGone = tail.isEvent && !isContinued
        reading.isBehind = reading.events.count >= limit
        reading.mayHaveMissed = !isContinued && !reading.events.isEmpty && now - tail.readAt >= retention
        tails[shard] = Tail(
            position: entries.last?.position ?? tail.position, readAt: now, isEvent: tail.isEvent || !entries.isEmpty)
        return reading
    }

    /// Reads a shard again from an earlier place on: of what is behind it some may be gone, and others come.
    mutating func goBack(_ shard: Shard, to position: String) {
        guard let tail = tails[shard], StreamPosition.isBefore(position, tail.position) else { return }
        tails[shard] = Tail(position: position, readAt: tail.readAt)
    }
}
