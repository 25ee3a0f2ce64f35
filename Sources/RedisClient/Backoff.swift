/// Pauses between attempts: a random part ("full jitter") of a ceiling that doubles with each
/// attempt, so that many clients do not return at the same instant.
struct Backoff {
    let min: Duration
    let max: Duration
    private(set) var attempts = 0

    init(min: Duration, max: Duration) {
        self.min = min
        self.max = max
    }

    /// - Parameter part: how much of the ceiling to take, 0 to 1.
    mutating func next(part: Double = .random(in: 0...1)) -> Duration {
        let ceiling = Swift.min(max, min * (1 << Swift.min(attempts, 20)))
        attempts += 1
        return ceiling * part
    }

    mutating func reset() { attempts = 0 }
}
