/// Positions in a stream, `<ms>-<sequence>`.
package enum StreamPosition {
    /// When the entry was added, Redis time; nil for what is no position.
    package static func milliseconds(_ position: String) -> Int? {
        let digits = Substring(position.utf8.prefix { $0 != UInt8(ascii: "-") })
        return UInt64(digits).map { Int(min($0, UInt64(StoredNumber.most))) }
    }

    /// The order in which entries were committed, by the clock of Redis; of one stream as they stand.
    package static func isBefore(_ one: String, _ other: String) -> Bool {
        let (a, b) = (parts(one), parts(other))
        return a.0 == b.0 ? a.1 < b.1 : a.0 < b.0
    }

    private static func parts(_ position: String) -> (UInt64, UInt64) {
        let digits = position.split(separator: "-", maxSplits: 1).map { UInt64($0) ?? 0 }
        return (digits.first ?? 0, digits.dropFirst().first ?? 0)
    }
}
