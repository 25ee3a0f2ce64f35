import CoreMetrics
import Synchronization

/// Counts events.
package struct EventCounter: Sendable {
    let handler: any CounterHandler

    init(_ handler: any CounterHandler) { self.handler = handler }

    package func count(_ events: Int = 1) { if events > 0 { handler.increment(by: Int64(events)) } }
}

/// Counts events of several kinds, all of which are known beforehand.
package struct EventCounters<Key: Hashable & Sendable>: Sendable {
    private let counters: [Key: EventCounter]

    init(_ counters: [Key: EventCounter]) { self.counters = counters }

    /// - Parameter key: one of those the counters were made for.
    package func count(_ key: Key, _ events: Int = 1) {
        guard let counter = counters[key] else { return assertionFailure("no counter was made for \(key)") }
        counter.count(events)
    }
}

/// Tells how long things take.
package struct DurationHistogram: Sendable {
    let handler: any TimerHandler

    init(_ handler: any TimerHandler) { self.handler = handler }

    package func record(nanoseconds: Int64) { handler.recordNanoseconds(max(0, nanoseconds)) }

    package func record(milliseconds: Int) {
        let (nanoseconds, isTooMuch) = Int64(milliseconds).multipliedReportingOverflow(by: 1_000_000)
        record(nanoseconds: isTooMuch ? .max : nanoseconds)
    }
}

/// A histogram that is made when the first duration is recorded: for kinds of events most of which never happen.
package final class LazyHistogram: Sendable {
    private final class Made: Sendable {
        let histogram: DurationHistogram

        init(_ histogram: DurationHistogram) { self.histogram = histogram }
    }

    private let made = AtomicLazyReference<Made>()
    private let make: @Sendable () -> DurationHistogram

    /// - Parameter make: may be called more than once, and is to give the same each time.
    package init(_ make: @escaping @Sendable () -> DurationHistogram) { self.make = make }

    package func record(nanoseconds: Int64) {
        let made = made.load() ?? made.storeIfNil(Made(make()))
        made.histogram.record(nanoseconds: nanoseconds)
    }
}
