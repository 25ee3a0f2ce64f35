import CoreMetrics
import Synchronization

/// Makes what parts of the service count with, for whatever backend of swift-metrics there is, and knows whom to ask for
/// what is a state. A part takes its handles once, when it is made.
package struct Instruments: Sendable {
    /// Counts nothing.
    package static let none = Instruments(NOOPMetricsHandler.instance)

    private let factory: any MetricsFactory
    private let states: States?

    /// - Parameter factory: the backend.
    package init(_ factory: any MetricsFactory) {
        self.factory = factory
        states = factory is NOOPMetricsHandler ? nil : States(factory)
    }

    /// Makes the backend that of what libraries count, too. At most once in a process.
    package static func bootstrap(_ factory: PrometheusRegistry) { MetricsSystem.bootstrap(factory) }

    /// - Parameter values: of the metric's labels, in their order.
    package func counter(_ metric: Metric, _ values: String...) -> EventCounter {
        EventCounter(factory.makeCounter(label: metric.rawValue, dimensions: metric.dimensions(values)))
    }

    /// A counter for each of these, which stand for the values of the metric's labels.
    package func counters<Key>(
        _ metric: Metric, _ keys: some Sequence<Key>, _ values: (Key) -> [String]
    ) -> EventCounters<Key> {
        EventCounters(
            keys.reduce(into: [:]) { counters, key in
                counters[key] = EventCounter(
                    factory.makeCounter(label: metric.rawValue, dimensions: metric.dimensions(values(key))))
            })
    }

    /// A counter for each value of a metric's only label.
    package func counters<Value: CaseIterable & RawRepresentable<String>>(
        _ metric: Metric, _: Value.Type
    ) -> EventCounters<Value> { counters(metric, Value.allCases) { [$0.rawValue] } }

    package func histogram(_ metric: Metric, _ values: String...) -> DurationHistogram {
        DurationHistogram(factory.makeTimer(label: metric.rawValue, dimensions: metric.dimensions(values)))
    }

    /// What it counted is told no more, unless another one was made for the same series and goes on.
    package func end(_ counter: EventCounter) { factory.destroyCounter(counter.handler) }
    package func end(_ histogram: DurationHistogram) { factory.destroyTimer(histogram.handler) }
}

/// Figures that are states.
extension Instruments {
    /// Has this asked whenever somebody looks. It ends soon when its task is cancelled, and says what it knows.
    package func whenAsked(_ read: @escaping @Sendable () async -> [Reading]) { states?.add(read) }

    /// Asks for all states. Those that are not told by then are told to end. A backend that is not asked itself has to
    /// have this called now and then.
    package func readStates(within limit: Duration = .seconds(2)) async { await states?.read(within: limit) }
}

extension Metric {
    fileprivate func dimensions(_ values: [String]) -> [(String, String)] {
        precondition(values.count == labels.count, "\(rawValue) has \(labels.count) labels")
        return zip(labels, values).map { ($0.rawValue, $1) }
    }
}

/// What a figure that is a state stands at.
package struct Reading: Sendable {
    let metric: Metric
    let labels: [String]
    let value: Double

    /// - Parameter labels: values of the metric's labels, in their order.
    package init(_ metric: Metric, _ labels: String..., is value: Double) {
        self.metric = metric
        self.labels = labels
        self.value = value
    }

    package init(_ metric: Metric, _ labels: String..., is value: Int) {
        self.metric = metric
        self.labels = labels
        self.value = Double(value)
    }

    package init(_ metric: Metric, _ labels: String..., is value: Bool) {
        self.metric = metric
        self.labels = labels
        self.value = value ? 1 : 0
    }
}

/// Whom to ask for states, and what is shown of them: what nobody tells any more disappears.
private final class States: Sendable {
    private struct Series: Hashable {
        let metric: Metric
        let labels: [String]
    }

    private let factory: any MetricsFactory
    private let reads = Mutex<[@Sendable () async -> [Reading]]>([])
    private let shown = Mutex<[Series: any MeterHandler]>([:])

    init(_ factory: any MetricsFactory) { self.factory = factory }

    func add(_ read: @escaping @Sendable () async -> [Reading]) { reads.withLock { $0.append(read) } }

    func read(within limit: Duration) async {
        let reads = reads.withLock(\.self)
        let readings = await withTaskGroup(of: [Reading]?.self) { group in
            for read in reads { group.addTask { await read() } }
            group.addTask {
                try? await Task.sleep(for: limit)
                return nil
            }
            var readings: [Reading] = []
            var left = reads.count
            for await told in group {
                if let told {
                    readings += told
                    left -= 1
                }
                if told == nil || left == 0 { group.cancelAll() }
            }
            return readings
        }
        show(readings)
    }

    private func show(_ readings: [Reading]) {
        shown.withLock { shown in
            var left = shown
            for reading in readings {
                let series = Series(metric: reading.metric, labels: reading.labels)
                left[series] = nil
                let meter =
                    shown[series]
                    ?? factory.makeMeter(
                        label: series.metric.rawValue, dimensions: series.metric.dimensions(series.labels))
                meter.set(reading.value)
                shown[series] = meter
            }
            for (series, meter) in left {
                factory.destroyMeter(meter)
                shown[series] = nil
            }
        }
    }
}
