import Foundation

/// What this machine's clock says minus what Redis' does, as one question to Redis tells it.
package struct ClockOffset: Sendable, Equatable {
    package var ms: Int
    /// How much it may be wrong by: half of what the answer took.
    package var errorMs: Int

    package init(ms: Int, errorMs: Int) {
        self.ms = ms
        self.errorMs = errorMs
    }

    /// Whether it is surely further from another than so many ms.
    package func differs(from other: ClockOffset = ClockOffset(ms: 0, errorMs: 0), byMoreThan limitMs: Int) -> Bool {
        abs(ms - other.ms) - errorMs - other.errorMs > limitMs
    }
}

/// A question to Redis whose answer tells its time.
package struct RedisTimeQuestion: Sendable {
    private let askedMs = Self.systemMs
    private let asked = ContinuousClock.now

    package init() {}

    package func answered(redisMs: Int) -> ClockOffset {
        let took = Int((ContinuousClock.now - asked) / .milliseconds(1))
        return ClockOffset(ms: askedMs + took / 2 - redisMs, errorMs: took / 2 + 1)
    }

    private static var systemMs: Int { Int(Date().timeIntervalSince1970 * 1_000) }
}

/// What a worker tells of its clock: the same as long as that is near enough, so that its sign of life is the same.
package struct ToldClock: Sendable {
    /// How far what is told may be from what is.
    package static let nearMs = 250

    package private(set) var toldMs: Int?

    package init() {}

    package mutating func saw(_ offset: ClockOffset) {
        // An answer that took long tells little.
        guard offset.errorMs < Self.nearMs else { return }
        guard let toldMs else {
            self.toldMs = offset.ms
            return
        }
        if offset.differs(from: ClockOffset(ms: toldMs, errorMs: 0), byMoreThan: Self.nearMs) {
            self.toldMs = offset.ms
        }
    }
}
