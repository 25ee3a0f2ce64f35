/// How many durations there were up to each of a metric's bounds, in seconds, and beyond all of them.
package struct DurationCounts: Sendable, Equatable {
    package let bounds: [Double]
    /// One more than bounds.
    package let counts: [Int64]

    package init(bounds: [Double], counts: [Int64]) {
        self.bounds = bounds
        self.counts = counts
    }

    package var total: Int64 { counts.reduce(0, +) }

    /// Those that came after an earlier look.
    package func since(_ earlier: DurationCounts) -> DurationCounts {
        guard bounds == earlier.bounds else { return self }
        return DurationCounts(bounds: bounds, counts: zip(counts, earlier.counts).map { max(0, $0 - $1) })
    }

    /// The smallest bound that so much of them, as a part of 1, do not exceed; the greatest bound for what is beyond
    /// all. nil where there are none.
    package func quantile(_ part: Double) -> Double? {
        let wanted = Double(total) * part
        guard total > 0 else { return nil }
        var sum: Int64 = 0
        for (bound, count) in zip(bounds, counts) {
            sum += count
            if Double(sum) >= wanted { return bound }
        }
        return bounds.last
    }
}
