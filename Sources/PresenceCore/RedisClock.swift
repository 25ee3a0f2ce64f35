import Foundation
import Synchronization

/// Redis time between the moments it is learned: what Redis said last, moved on by this machine's monotonic clock.
/// All workers on one Redis so have one time, whatever their own clocks say. Until Redis was heard once it is the
/// system's clock.
///
/// It is behind by as long as Redis' answer took to arrive, and wrong by what Redis' clock was set since.
package final class RedisClock: Sendable {
    private static let unheard = Int.min

    /// Redis time minus monotonic time in milliseconds.
    private let offsetMs = Atomic(unheard)
    private let monotonicMs: @Sendable () -> Int
    private let systemMs: @Sendable () -> Int

    package init() {
        let start = ContinuousClock.now
        monotonicMs = { Int(start.duration(to: .now) / .milliseconds(1)) }
        systemMs = { Int(Date().timeIntervalSince1970 * 1_000) }
    }

    /// With clocks of the caller's, for tests.
    package init(monotonicMs: @escaping @Sendable () -> Int, systemMs: @escaping @Sendable () -> Int) {
        self.monotonicMs = monotonicMs
        self.systemMs = systemMs
    }

    /// Redis has just said what time it is. The last word counts: its clock may be set back.
    /// - Parameter redisMs: unix time in milliseconds.
    package func saw(redisMs: Int) {
        offsetMs.store(redisMs - monotonicMs(), ordering: .relaxed)
    }

    /// Redis time now: unix time in milliseconds.
    package var nowMs: Int {
        let offset = offsetMs.load(ordering: .relaxed)
        return offset == Self.unheard ? systemMs() : monotonicMs() + offset
    }

    /// Redis time now in whole seconds.
    package var nowSeconds: Int { nowMs / 1_000 }
}
