import RedisClient
import Testing

@testable import Feed
@testable import PresenceStore

@Suite("When shards are read")
struct ReadScheduleTests {
    private static let home = ShardHome(nil)
    private func one(_ shards: Set<Shard>) -> [ShardHome: Set<Shard>] { [Self.home: shards] }

    @Test("Without hints all are read four times a second; with hints that can be trusted once, and what they point at")
    func hints() {
        var now = ContinuousClock.now
        var schedule = ReadSchedule(shards: 4, now: now)
        #expect(schedule.next(now: now, by: one)[Self.home]?.shards == [0, 1, 2, 3])
        schedule.ended(Self.home, hinted: [], found: [], late: [], behind: [], now: now)
        now += .milliseconds(200)
        #expect(schedule.next(now: now, by: one).isEmpty)
        schedule.hint([2])
        let hinted = schedule.next(now: now, by: one)[Self.home]
        #expect(hinted?.shards == [2] && hinted?.hinted == [2])
        schedule.ended(Self.home, hinted: [2], found: [2], late: [], behind: [], now: now)
        #expect(schedule.areHintsTrusted)
        now += .milliseconds(50)
        #expect(schedule.next(now: now, by: one)[Self.home]?.shards.count == 4)
        schedule.ended(Self.home, hinted: [], found: [], late: [], behind: [], now: now)
        now += .milliseconds(900)
        #expect(schedule.next(now: now, by: one).isEmpty)
        now += .milliseconds(101)
        #expect(schedule.next(now: now, by: one)[Self.home]?.shards.count == 4)
        // Something no hint told of.
        schedule.ended(Self.home, hinted: [], found: [1], late: [1], behind: [], now: now)
        #expect(!schedule.areHintsTrusted)
        now += .milliseconds(251)
        _ = schedule.next(now: now, by: one)
        now += ReadSchedule.distrust
        _ = schedule.next(now: now, by: one)
        #expect(schedule.areHintsTrusted)
        schedule.lostHints()
        #expect(!schedule.areHintsTrusted)
    }

    @Test("With thousands of shards the reads of a second are bounded, with hints at all of them too")
    func bounded() {
        let start = ContinuousClock.now
        var schedule = ReadSchedule(shards: 4_096, now: start)
        var reads = 0
        for tick in 0..<500 {
            let now = start + .milliseconds(20 * tick)
            schedule.hint(0..<4_096)
            let next = schedule.next(now: now, by: one)
            reads += next.values.reduce(0) { $0 + $1.shards.count }
            for home in next.keys {
                schedule.ended(home, hinted: [], found: [], late: [], behind: [], now: now)
            }
        }
        #expect(reads > 0 && reads <= 11 * FeedLimits.readsPerSecondMax)
    }

    @Test("A master that does not answer holds up no other's shards, and none is read twice at a time")
    func homes() {
        let homes = [ShardHome(.tcp(host: "a", port: 1)), ShardHome(.tcp(host: "b", port: 1))]
        func parted(_ shards: Set<Shard>) -> [ShardHome: Set<Shard>] {
            Dictionary(grouping: shards) { homes[$0 % 2] }.mapValues(Set.init)
        }
        var now = ContinuousClock.now
        var schedule = ReadSchedule(shards: 4, now: now)
        #expect(schedule.next(now: now, by: parted).count == 2)
        schedule.ended(homes[0], hinted: [], found: [], late: [], behind: [2], now: now)
        now += .milliseconds(20)
        #expect(schedule.next(now: now, by: parted).mapValues(\.shards) == [homes[0]: [2]])
        schedule.ended(homes[0], hinted: [], found: [], late: [], behind: [], now: now)
        now += .seconds(1)
        #expect(schedule.next(now: now, by: parted).mapValues(\.shards) == [homes[0]: [0, 2]])
    }
}
