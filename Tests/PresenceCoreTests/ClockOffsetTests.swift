import PresenceCore
import Testing

@Suite("How far clocks are apart")
struct ClockOffsetTests {
    @Test("Two clocks differ only by more than the answers may have taken")
    func sure() {
        let here = ClockOffset(ms: 0, errorMs: 100)
        #expect(!ClockOffset(ms: 700, errorMs: 100).differs(from: here, byMoreThan: 500))
        #expect(ClockOffset(ms: 701, errorMs: 100).differs(from: here, byMoreThan: 500))
        #expect(ClockOffset(ms: -701, errorMs: 100).differs(from: here, byMoreThan: 500))
    }

    @Test("What a worker tells of its clock stays the same while it is near enough")
    func told() {
        var clock = ToldClock()
        #expect(clock.toldMs == nil)
        clock.saw(ClockOffset(ms: 9_000, errorMs: 3_000))
        #expect(clock.toldMs == nil, "an answer that took seconds tells nothing")
        clock.saw(ClockOffset(ms: 12, errorMs: 1))
        clock.saw(ClockOffset(ms: 200, errorMs: 10))
        #expect(clock.toldMs == 12)
        clock.saw(ClockOffset(ms: 300, errorMs: 10))
        #expect(clock.toldMs == 300)
    }

    @Test("Redis time is taken from the middle of what the answer took")
    func question() async throws {
        let question = RedisTimeQuestion()
        let offset = question.answered(redisMs: 0)
        #expect(offset.ms > 1_600_000_000_000 && offset.errorMs < 1_000)
    }
}
