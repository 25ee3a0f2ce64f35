import Testing

@testable import Telemetry

@Suite("How long things took lately")
struct DurationCountsTests {
    @Test("A quantile is the first bound that so many do not exceed; of what came since an earlier look")
    func quantiles() {
        let registry = PrometheusRegistry()
        #expect(registry.durations(.callbackDuration) == nil)
        let histogram = Instruments(registry).histogram(.callbackDuration)
        for _ in 0..<98 { histogram.record(milliseconds: 1) }
        for _ in 0..<2 { histogram.record(milliseconds: 900) }
        let first = registry.durations(.callbackDuration)
        #expect(first?.total == 100)
        #expect(first?.quantile(0.5).map { $0 < 0.01 } == true)
        #expect(first?.quantile(0.99) == 1)
        for _ in 0..<10 { histogram.record(milliseconds: 900) }
        let since = first.flatMap { registry.durations(.callbackDuration)?.since($0) }
        #expect(since?.total == 10 && since?.quantile(0.5) == 1)
        #expect(first?.since(first ?? DurationCounts(bounds: [], counts: [])).quantile(0.5) == nil)
    }

    @Test("Beyond all bounds the last one is told")
    func beyond() {
        #expect(DurationCounts(bounds: [1, 2], counts: [0, 0, 3]).quantile(0.5) == 2)
    }
}
