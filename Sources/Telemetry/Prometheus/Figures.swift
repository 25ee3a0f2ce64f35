import CoreMetrics
import Synchronization

/// What is kept of one series.
protocol Figure: AnyObject, Sendable {
    func write(to text: inout ExpositionText, _ metric: Metric, _ labels: [String])
}

/// A number of events.
final class Count: Figure, CounterHandler {
    private let value = Atomic<Int64>(0)

    func increment(by amount: Int64) { value.add(amount, ordering: .relaxed) }

    func reset() { value.store(0, ordering: .relaxed) }

    func write(to text: inout ExpositionText, _ metric: Metric, _ labels: [String]) {
        text.sample(metric, labels, Double(value.load(ordering: .relaxed)))
    }
}

/// A number that is set.
final class Level: Figure, MeterHandler, RecorderHandler {
    private let bits = Atomic<UInt64>(0)

    func set(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }
    func set(_ value: Int64) { set(Double(value)) }
    func record(_ value: Double) { set(value) }
    func record(_ value: Int64) { set(Double(value)) }

    func increment(by amount: Double) {
        var known = bits.load(ordering: .relaxed)
        while true {
            let raised = (Double(bitPattern: known) + amount).bitPattern
            let (isSet, found) = bits.weakCompareExchange(expected: known, desired: raised, ordering: .relaxed)
            if isSet { return }
            known = found
        }
    }

    func decrement(by amount: Double) { increment(by: -amount) }

    func write(to text: inout ExpositionText, _ metric: Metric, _ labels: [String]) {
        text.sample(metric, labels, Double(bitPattern: bits.load(ordering: .relaxed)))
    }
}

/// How many durations there were up to each of the metric's bounds, and their sum.
final class Distribution: Figure, TimerHandler, RecorderHandler {
    private let secondsBounds: [Double]

    private final class Bucket: Sendable {
        let count = Atomic<Int64>(0)
    }

    private let bounds: [Int64]
    /// One more than bounds: the last takes what is beyond them.
    private let buckets: [Bucket]
    private let sum = Atomic<Int64>(0)

    init(_ metric: Metric) {
        secondsBounds = metric.bounds
        bounds = metric.bounds.map { Int64(($0 * 1e9).rounded()) }
        buckets = (0...bounds.count).map { _ in Bucket() }
    }

    func recordNanoseconds(_ duration: Int64) {
        var index = 0
        while index < bounds.count, duration > bounds[index] { index += 1 }
        buckets[index].count.add(1, ordering: .relaxed)
        add(duration)
    }

    /// A time written by hand into Redis may be of any size: the sum stops at what it can hold.
    private func add(_ duration: Int64) {
        var known = sum.load(ordering: .relaxed)
        while true {
            let (raised, isTooMuch) = known.addingReportingOverflow(duration)
            let desired = isTooMuch ? .max : raised
            let (isSet, found) = sum.weakCompareExchange(expected: known, desired: desired, ordering: .relaxed)
            if isSet { return }
            known = found
        }
    }

    /// - Parameter value: in seconds.
    func record(_ value: Double) { recordNanoseconds(Int64((min(max(0, value), 9e9) * 1e9).rounded())) }
    func record(_ value: Int64) { record(Double(value)) }

    func write(to text: inout ExpositionText, _ metric: Metric, _ labels: [String]) {
        let sum = Double(sum.load(ordering: .relaxed)) / 1e9
        text.histogram(metric, labels, bounds: metric.bounds, counts: durations.counts, sum: sum)
    }

    var durations: DurationCounts {
        DurationCounts(bounds: secondsBounds, counts: buckets.map { $0.count.load(ordering: .relaxed) })
    }
}

extension Metric {
    /// None where it is no histogram.
    var bounds: [Double] {
        if case .histogram(let buckets) = kind { buckets.bounds } else { [] }
    }
}
