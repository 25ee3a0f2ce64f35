import Support
import Synchronization
import Testing

@testable import Telemetry

@Suite("Counting")
struct InstrumentsTests {
    private let registry = PrometheusRegistry()
    private var instruments: Instruments { Instruments(registry) }

    /// The value of the only line that begins so.
    private func value(_ series: String) -> String? {
        let lines = registry.text().split(separator: "\n").filter { $0.hasPrefix(series + " ") }
        return lines.count == 1 ? String(lines[0].dropFirst(series.count + 1)) : nil
    }

    @Test("loses nothing, however many do it at the same time")
    func concurrent() async {
        let counter = instruments.counter(.graces)
        let histogram = instruments.histogram(.settlementLag)
        let lazy = LazyHistogram { [instruments] in instruments.histogram(.requestDuration, "GET", "/", "200") }
        await withDiscardingTaskGroup { group in
            for task in 0..<8 {
                group.addTask {
                    for round in 0..<10_000 {
                        counter.count()
                        histogram.record(milliseconds: (task + round) % 2 * 100)
                        lazy.record(nanoseconds: 1_000)
                    }
                }
            }
        }
        #expect(value("presence_graces_total") == "80000")
        #expect(value(#"presence_settlement_lag_seconds_bucket{le="0.05"}"#) == "40000")
        #expect(value(#"presence_settlement_lag_seconds_bucket{le="+Inf"}"#) == "80000")
        #expect(value("presence_settlement_lag_seconds_count") == "80000")
        #expect(value("presence_settlement_lag_seconds_sum") == "4000")
        let labels = #"{http_request_method="GET",http_route="/",http_response_status_code="200"}"#
        #expect(value("http_server_request_duration_seconds_count\(labels)") == "80000")
    }

    @Test("takes durations of any size, as times written by hand into Redis make them")
    func hugeDurations() {
        let histogram = instruments.histogram(.settlementLag)
        for milliseconds in [1_795_733_057_631, 1_795_733_057_631, .max, .max, .min, -1] {
            for _ in 0..<5 { histogram.record(milliseconds: milliseconds) }
        }
        #expect(value("presence_settlement_lag_seconds_count") == "30")
    }

    @Test("goes on in the same series when a handle is taken again, and ends when all who took it say so")
    func series() {
        let counter = instruments.counter(.redisReconnects, "a:1")
        counter.count()
        let again = instruments.counter(.redisReconnects, "a:1")
        again.count()
        instruments.counter(.redisReconnects, "b:1").count()
        #expect(value(#"presence_redis_reconnects_total{node="a:1"}"#) == "2")
        instruments.end(counter)
        #expect(value(#"presence_redis_reconnects_total{node="a:1"}"#) == "2")
        instruments.end(again)
        #expect(!registry.text().contains("a:1"))
        #expect(value(#"presence_redis_reconnects_total{node="b:1"}"#) == "1")
    }

    @Test("what never happened is not told of a histogram that is made when it does")
    func lazy() {
        let histogram = LazyHistogram { [instruments] in instruments.histogram(.settlementLag) }
        #expect(registry.text().isEmpty)
        histogram.record(nanoseconds: 1)
        #expect(value("presence_settlement_lag_seconds_count") == "1")
    }

    @Test("keeps nothing that is not in the table, or has other labels")
    func strangers() {
        EventCounter(registry.makeCounter(label: "http_requests", dimensions: [])).count()
        EventCounter(registry.makeCounter(label: Metric.graces.rawValue, dimensions: [("user", "alice")])).count()
        let timer = registry.makeTimer(label: Metric.settlementLag.rawValue, dimensions: [("shard", "7")])
        DurationHistogram(timer).record(nanoseconds: 1)
        #expect(registry.text().isEmpty)
    }

    @Test("A state is asked for each time, and shown as long as it is told")
    func states() async {
        let nodes = Mutex(["a:1": true, "b:1": false])
        let instruments = instruments
        instruments.whenAsked { nodes.withLock(\.self).map { Reading(.redisUp, $0.key, is: $0.value) } }
        await instruments.readStates()
        #expect(value(#"presence_redis_up{node="a:1"}"#) == "1")
        #expect(value(#"presence_redis_up{node="b:1"}"#) == "0")
        nodes.withLock { $0 = ["b:1": true] }
        await instruments.readStates()
        #expect(!registry.text().contains("a:1"))
        #expect(value(#"presence_redis_up{node="b:1"}"#) == "1")
    }

    private final class Tally: Sendable {
        let asked = Atomic(0)
        let looks = Atomic(0)
    }

    @Test("Who asks for all figures while states are read shares that look")
    func looksAreShared() async throws {
        let askers = 8
        let tally = Tally()
        let instruments = instruments
        instruments.whenAsked {
            let look = tally.looks.add(1, ordering: .relaxed).newValue
            try? await eventually(else: "not all ask") { tally.asked.load(ordering: .relaxed) == askers }
            return [Reading(.shardsOwned, is: look)]
        }
        let exposition = Exposition(of: registry, by: instruments)
        await withDiscardingTaskGroup { group in
            for _ in 0..<askers {
                group.addTask {
                    tally.asked.add(1, ordering: .relaxed)
                    #expect(await exposition.text().contains("presence_shards_owned "))
                }
            }
        }
        #expect(tally.looks.load(ordering: .relaxed) < askers)
    }

    @Test("A look at states is good for a while, and what is counted is never old", arguments: [true, false])
    func looksAreGood(isGood: Bool) async {
        let tally = Tally()
        let instruments = instruments
        instruments.whenAsked { [Reading(.shardsOwned, is: tally.looks.add(1, ordering: .relaxed).newValue)] }
        let counter = instruments.counter(.graces)
        let exposition = Exposition(of: registry, by: instruments, lookIsGood: isGood ? .seconds(600) : .zero)
        _ = await exposition.text()
        counter.count()
        let text = await exposition.text()
        #expect(text.contains("presence_graces_total 1\n"))
        #expect(text.contains("presence_shards_owned \(isGood ? 1 : 2)\n"))
    }

    @Test("A state that is not told in time is left out, and holds up no other")
    func lateStates() async {
        let instruments = instruments
        instruments.whenAsked {
            let isInTime = (try? await Task.sleep(for: .seconds(600))) != nil
            return isInTime ? [Reading(.shards, is: 1)] : []
        }
        instruments.whenAsked { [Reading(.shardsOwned, is: 2)] }
        await instruments.readStates(within: .milliseconds(20))
        #expect(value("presence_shards_owned") == "2")
        #expect(value("presence_shards") == nil)
    }

    @Test("The process tells its memory, files, time of CPU and start")
    func process() async throws {
        let instruments = instruments
        instruments.watchProcess()
        await instruments.readStates()
        func number(_ metric: Metric) throws -> Double { try #require(value(metric.rawValue).flatMap(Double.init)) }
        #expect(try number(.residentMemory) > 1_000_000)
        #expect(try number(.virtualMemory) > number(.residentMemory))
        #expect(try number(.openFiles) > 2)
        #expect(try number(.maxFiles) > number(.openFiles))
        #expect(try number(.cpu) > 0)
        #expect(try number(.startTime) > 1_700_000_000)
    }
}
