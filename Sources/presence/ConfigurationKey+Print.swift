extension ConfigurationKey {
    /// The table of the documentation.
    static var markdownTable: String {
        let head = ["| key | accepted | default | changed by | meaning |", "|---|---|---|---|---|"]
        let rows = (all + platform("<name>").all).map { key in
            let fallback = key.fallback.isEmpty ? "none" : "`\(key.fallback)`"
            let accepted = key.accepted + (key.isSecret ? ", secret" : "")
            let change = key.isReloaded ? "SIGHUP" : "restart"
            return "| `\(key.name)` | \(accepted) | \(fallback) | \(change) | \(key.meaning) |"
        }
        return (head + rows).joined(separator: "\n")
    }

    /// The flags as `presence serve --help` shows them.
    static var help: String {
        all.map { key in
            "\(key.flag) <\(key.placeholder)>\(key.fallback.isEmpty ? "" : " (default: \(key.fallback))")"
                + "\(key.isReloaded ? " (SIGHUP)" : "")\n"
                + "      \(key.meaning)\(key.fileKey.map { " Or \($0.flag) <file>." } ?? "")"
        }.joined(separator: "\n")
    }

    /// What may be written, in a word.
    private var placeholder: String {
        switch kind {
        case .text: "text"
        case .list: "a,b,..."
        case .number(let range): "\(range.lowerBound)-\(range.upperBound)"
        case .choice(let words): words.joined(separator: "|")
        case .boolean: "true|false"
        }
    }
}
