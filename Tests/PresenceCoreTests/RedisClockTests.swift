import Foundation
import PresenceCore
import Synchronization
import Testing

@Suite("Redis time")
struct RedisClockTests {
    private final class Hand: Sendable {
        let ms: Atomic<Int>

        init(_ ms: Int) { self.ms = Atomic(ms) }

        var now: Int { ms.load(ordering: .relaxed) }

        func set(_ now: Int) { ms.store(now, ordering: .relaxed) }
    }

    @Test("Until Redis was heard the system's clock counts, then Redis' word moved on by the monotonic clock")
    func heard() {
        let (monotonic, system) = (Hand(5_000), Hand(1_700_000_000_999))
        let clock = RedisClock(monotonicMs: { monotonic.now }, systemMs: { system.now })
        #expect(clock.nowMs == 1_700_000_000_999)
        #expect(clock.nowSeconds == 1_700_000_000)
        clock.saw(redisMs: 1_700_003_600_000)
        #expect(clock.nowMs == 1_700_003_600_000)
        system.set(0)
        monotonic.set(7_500)
        #expect(clock.nowMs == 1_700_003_602_500, "the system's clock counts no more")
    }

    @Test("Redis' last word counts, also when its clock was set back")
    func last() {
        let monotonic = Hand(0)
        let clock = RedisClock(monotonicMs: { monotonic.now }, systemMs: { 0 })
        clock.saw(redisMs: 90_000)
        monotonic.set(1_000)
        clock.saw(redisMs: 60_000)
        monotonic.set(1_001)
        #expect(clock.nowMs == 60_001)
    }

    @Test("The clocks of the machine are in milliseconds, and the monotonic one runs")
    func real() {
        let clock = RedisClock()
        #expect(abs(clock.nowMs - Int(Date().timeIntervalSince1970 * 1_000)) < 5_000)
        clock.saw(redisMs: 1_000_000)
        let start = ContinuousClock.now
        while start.duration(to: .now) < .milliseconds(20) {}
        let passed = Int(start.duration(to: .now) / .milliseconds(1))
        #expect((1_000_020...1_000_001 + passed + 5_000).contains(clock.nowMs))
    }
}
