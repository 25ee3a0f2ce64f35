/// What workers tell at `/metrics`, read as Prometheus would.
package struct Figures: Sendable {
    /// By series, as its line begins: `presence_users{status="Online"}`.
    package let values: [String: Double]
    package let text: String

    /// Of all workers, those of the same name added up.
    package static func of(_ workers: [PresenceProcess]) async throws -> Figures {
        var texts: [String] = []
        for worker in workers {
            let answer = try await Backend(worker).call(.get, "/metrics")
            guard answer.status == 200 else { throw TimedOut(description: "no figures: \(answer.text)") }
            texts.append(answer.text)
        }
        return Figures(texts)
    }

    package init(_ texts: [String]) {
        var values: [String: Double] = [:]
        for line in texts.flatMap({ $0.split(separator: "\n") }) where !line.hasPrefix("#") {
            guard let blank = line.lastIndex(of: " ") else { continue }
            values[String(line[..<blank]), default: 0] += Double(line[blank...].dropFirst()) ?? .nan
        }
        self.values = values
        text = texts.joined()
    }

    package subscript(_ series: String) -> Double? { values[series] }

    /// The sum over all series of the metric with these labels.
    package func sum(_ metric: String, _ labels: String...) -> Double {
        values.filter { series, _ in
            series.hasPrefix(metric + "{") && labels.allSatisfy { series.contains($0) } || series == metric
        }.values.reduce(0, +)
    }
}
