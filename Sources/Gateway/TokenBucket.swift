import NIOCore

/// Allows so many takes a second on average, and so many at once after a pause.
struct TokenBucket: Sendable {
    private let burst: Int64
    private let perToken: Int64
    /// When the bucket is full again.
    private var fullAt: NIODeadline

    init(perSecond: Int, burst: Int, now: NIODeadline) {
        self.burst = Int64(burst)
        perToken = 1_000_000_000 / Int64(perSecond)
        fullAt = now
    }

    /// Takes one; false if there is none.
    mutating func take(now: NIODeadline) -> Bool {
        guard hasOne(now: now) else { return false }
        fullAt = afterTaking(now)
        return true
    }

    func hasOne(now: NIODeadline) -> Bool { afterTaking(now) - now <= .nanoseconds(perToken * burst) }
    func isFull(now: NIODeadline) -> Bool { fullAt <= now }

    private func afterTaking(_ now: NIODeadline) -> NIODeadline { max(fullAt, now) + .nanoseconds(perToken) }
}
