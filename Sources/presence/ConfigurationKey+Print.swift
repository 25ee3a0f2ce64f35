extension ConfigurationKey {
    /// The table of the README.
    static var markdownTable: String {
        let head = ["| key | accepted | default | meaning |", "|---|---|---|---|"]
        let rows = (all + platform("<name>").all).map { key in
            let fallback = key.fallback.isEmpty ? "none" : "`\(key.fallback)`"
            return "| `\(key.name)` | \(key.accepted)\(key.isSecret ? ", secret" : "") | \(fallback) | \(key.meaning) |"
        }
        return (head + rows).joined(separator: "\n")
    }

    /// The flags as `presence serve --help` shows them.
    static var help: String {
        all.map { key in
            "\(key.flag) <\(key.accepted)>\(key.fallback.isEmpty ? "" : " (default: \(key.fallback))")\n"
                + "      \(key.meaning)"
        }.joined(separator: "\n")
    }
}
