import Telemetry

/// What the feed tells of what it did.
struct FeedFigures: Sendable {
    let ended: EventCounters<FeedEnd>
    let read: EventCounter
    let sent: EventCounter
    let delay: DurationHistogram
    let exported: EventCounter

    init(_ instruments: Instruments) {
        ended = instruments.counters(.feedStreamsEnded, FeedEnd.self)
        read = instruments.counter(.feedChangesRead)
        sent = instruments.counter(.feedChangesSent)
        delay = instruments.histogram(.feedDelay)
        exported = instruments.counter(.exportedUsers)
    }
}
