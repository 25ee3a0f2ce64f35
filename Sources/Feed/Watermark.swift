import PresenceStore

/// Up to which place the events of all shards are read. Pure.
///
/// An event that is added to a shard after it was read has no earlier position than its master's time before the reading,
/// so nothing below the least of these can still come, whatever the clocks differ by: of a faster one's events some more
/// are only told again. Of a shard of which there is more to read it is the last event that was.
struct Watermark: Sendable {
    private var readTo: [FeedPosition]
    /// When the last reading of each began that came to the end of its log.
    private var readAt: [ContinuousClock.Instant]
    let overlapMs: Int

    /// - Parameters:
    ///   - start: of all shards.
    ///   - retentionMs: how long events can be read: the overlap is a part of it.
    init(shards: Int, start: FeedPosition, retentionMs: Int, now: ContinuousClock.Instant) {
        readTo = Array(repeating: start, count: shards)
        readAt = Array(repeating: now, count: shards)
        overlapMs = Self.overlapMs(retentionMs: retentionMs)
    }

    static func overlapMs(retentionMs: Int) -> Int { min(FeedLimits.overlapMs, retentionMs / 4) }

    /// - Parameters:
    ///   - masterMs: its time before it was read.
    ///   - begun: when that was by our own clock.
    ///   - last: where the last event was that was read, if there is more.
    mutating func read(
        _ shard: Shard, masterMs: Int, begun: ContinuousClock.Instant, behindAt last: FeedPosition? = nil
    ) {
        if last == nil { readAt[shard] = begun }
        let clock = FeedPosition(ms: max(0, masterMs - overlapMs))
        readTo[shard] = last.map { min($0, clock) } ?? clock
    }

    /// All of the shard's events up to there were read.
    subscript(shard: Shard) -> FeedPosition { readTo[shard] }

    /// Every shard was read to its end since then.
    var oldestReading: ContinuousClock.Instant? { readAt.min() }

    /// All below it was read.
    var position: FeedPosition { readTo.min() ?? FeedPosition(ms: 0) }
}
