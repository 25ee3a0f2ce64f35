/// Pauses between tries: a random part, half at least, of a bound that doubles with every failure. So those who failed
/// together do not come back together, and nobody at once.
package struct Backoff: Sendable, Hashable {
    /// The bound of the first pause.
    package let first: Duration
    /// What the bound grows to.
    package let most: Duration
    /// In a row.
    package private(set) var failures = 0

    package init(first: Duration, most: Duration) {
        self.first = first
        self.most = most
    }

    /// Counts another failure.
    /// - Parameter part: where between half of the bound and the whole the pause lies, 0 to 1.
    /// - Returns: the pause before the next try.
    package mutating func next(part: Double = .random(in: 0...1)) -> Duration {
        failures += 1
        return pause(afterFailures: failures, part: part)
    }

    /// For those who count themselves.
    package func pause(afterFailures failures: Int, part: Double = .random(in: 0...1)) -> Duration {
        let doublings = min(max(failures, 1) - 1, Self.doublingsMax)
        return min(most, first * (1 << doublings)) * (0.5 + part / 2)
    }

    /// A try succeeded: the next failure has nothing to do with the ones before.
    package mutating func reset() { failures = 0 }

    /// A millisecond is a quarter of an hour by then.
    private static let doublingsMax = 20
}
