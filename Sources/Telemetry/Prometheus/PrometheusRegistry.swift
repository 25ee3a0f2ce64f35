import CoreMetrics
import Synchronization

/// A backend of swift-metrics that keeps the figures of the table in memory, to be told in Prometheus' text format.
///
/// What is not in the table, or has other labels, is not kept: so there are no more series than the table allows for.
package final class PrometheusRegistry: MetricsFactory {
    private struct Series {
        let figure: any Figure
        /// How many have it: the last one to give it back ends it.
        var holders = 0
    }

    /// The series of each metric, by the values of its labels.
    private let families = Mutex<[Metric: [[String]: Series]]>([:])

    package init() {}

    /// All figures as of now.
    package func text() -> String {
        let families = families.withLock(\.self)
        var text = ExpositionText()
        for metric in Metric.allCases {
            guard let series = families[metric], !series.isEmpty else { continue }
            text.begin(metric)
            for (labels, series) in series.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
                series.figure.write(to: &text, metric, labels)
            }
        }
        return text.text
    }

    /// What a histogram without labels stands at; nil while nobody records in it.
    package func durations(_ metric: Metric) -> DurationCounts? {
        let figure = families.withLock { $0[metric]?[[]]?.figure }
        return (figure as? Distribution)?.durations
    }

    /// The same figure each time it is asked for; nil for what is not in the table.
    private func figure<Kind: Figure>(
        _ label: String, _ dimensions: [(String, String)], _ make: (Metric) -> Kind
    ) -> Kind? {
        guard let metric = Metric(rawValue: label), dimensions.map(\.0) == metric.labels.map(\.rawValue) else {
            return nil
        }
        return families.withLock { families in
            let values = dimensions.map(\.1)
            var series = families[metric]?[values] ?? Series(figure: make(metric))
            series.holders += 1
            families[metric, default: [:]][values] = series
            return series.figure as? Kind
        }
    }

    private func giveBack(_ figure: AnyObject) {
        families.withLock { families in
            for (metric, family) in families {
                guard let (labels, series) = family.first(where: { $0.value.figure === figure }) else { continue }
                families[metric]?[labels]?.holders -= 1
                if series.holders == 1 { families[metric]?[labels] = nil }
            }
        }
    }
}

extension PrometheusRegistry {
    package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        figure(label, dimensions) { _ in Count() } ?? NOOPMetricsHandler.instance
    }

    package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        figure(label, dimensions) { _ in Level() } ?? NOOPMetricsHandler.instance
    }

    package func makeRecorder(
        label: String, dimensions: [(String, String)], aggregate: Bool
    ) -> any RecorderHandler {
        guard aggregate else { return figure(label, dimensions) { _ in Level() } ?? NOOPMetricsHandler.instance }
        return figure(label, dimensions, Distribution.init) ?? NOOPMetricsHandler.instance
    }

    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        figure(label, dimensions, Distribution.init) ?? NOOPMetricsHandler.instance
    }

    package func destroyCounter(_ handler: any CounterHandler) { giveBack(handler) }
    package func destroyMeter(_ handler: any MeterHandler) { giveBack(handler) }
    package func destroyRecorder(_ handler: any RecorderHandler) { giveBack(handler) }
    package func destroyTimer(_ handler: any TimerHandler) { giveBack(handler) }
}
