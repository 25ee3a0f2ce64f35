import Foundation
import Testing

@testable import Telemetry

@Suite("The table of metrics")
struct MetricTests {
    @Test("is that of the documentation")
    func documented() throws {
        let page = Self.root.appending(path: "Sources/presence/Documentation.docc/Metrics.md")
        let rows = try String(contentsOf: page, encoding: .utf8)
            .matches(of: #/\n\| `([a-z_]+)` \| (\w+) \| ([^|]*) \| ([^|]+) \|/#)
        #expect(rows.map { String($0.1) } == Metric.allCases.map(\.rawValue))
        for (row, metric) in zip(rows, Metric.allCases) {
            #expect(row.2 == metric.kind.word, "\(metric)")
            let labels = row.3.matches(of: #/`(\w+)`/#).map { String($0.1) }
            #expect(labels == metric.labels.map(\.rawValue), "\(metric)")
            #expect(row.4.hasPrefix(metric.help), "\(metric): \(metric.help)")
        }
    }

    @Test("has names and sentences as Prometheus wants them", arguments: Metric.allCases)
    func names(_ metric: Metric) {
        let name = metric.rawValue
        #expect(name.wholeMatch(of: #/[a-z]+(_[a-z]+)+/#) != nil)
        #expect(name.hasSuffix("_total") == (metric.kind == .counter))
        if case .histogram(let buckets) = metric.kind {
            #expect(name.hasSuffix("_seconds"))
            #expect(buckets.bounds == buckets.bounds.sorted())
        }
        #expect(metric.help.hasSuffix("."))
        #expect(Set(metric.labels).count == metric.labels.count)
    }

    @Test("has no label a stranger could fill")
    func labels() {
        let labels = Set(Metric.allCases.flatMap(\.labels).map(\.rawValue))
        #expect(labels.isDisjoint(with: ["user", "session", "instance", "address", "path", "le", "job"]))
    }

    private static let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..").standardized
}
