/// Figures in Prometheus' text format, version 0.0.4.
struct ExpositionText {
    private(set) var text = ""

    /// Says what the samples that follow are of.
    mutating func begin(_ metric: Metric) {
        text += "# HELP \(metric.rawValue) \(Self.escaped(metric.help, alsoQuotes: false))\n"
        text += "# TYPE \(metric.rawValue) \(metric.kind.word)\n"
    }

    /// - Parameter labels: values of the metric's labels, in their order.
    mutating func sample(_ metric: Metric, _ labels: [String], _ value: Double) {
        line(metric.rawValue, pairs(metric, labels), Self.number(value))
    }

    /// - Parameter counts: up to each bound and above the one before it, and at last beyond all.
    mutating func histogram(
        _ metric: Metric, _ labels: [String], bounds: [Double], counts: [Int64], sum: Double
    ) {
        let pairs = pairs(metric, labels)
        let names = bounds.map(Self.number) + ["+Inf"]
        var total: Int64 = 0
        for (name, count) in zip(names, counts) {
            total += count
            line("\(metric.rawValue)_bucket", pairs + ["le=\"\(name)\""], String(total))
        }
        line("\(metric.rawValue)_sum", pairs, Self.number(sum))
        line("\(metric.rawValue)_count", pairs, String(total))
    }

    private func pairs(_ metric: Metric, _ values: [String]) -> [String] {
        zip(metric.labels, values).map { "\($0.rawValue)=\"\(Self.escaped($1, alsoQuotes: true))\"" }
    }

    private mutating func line(_ name: String, _ pairs: [String], _ value: String) {
        text += name
        if !pairs.isEmpty { text += "{\(pairs.joined(separator: ","))}" }
        text += " \(value)\n"
    }

    private static func escaped(_ text: String, alsoQuotes: Bool) -> String {
        var escaped = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": escaped += #"\\"#.unicodeScalars
            case "\n": escaped += #"\n"#.unicodeScalars
            case "\"" where alsoQuotes: escaped += #"\""#.unicodeScalars
            default: escaped.append(scalar)
            }
        }
        return String(escaped)
    }

    private static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        return Int64(exactly: value).map { String($0) } ?? "\(value)"
    }
}
