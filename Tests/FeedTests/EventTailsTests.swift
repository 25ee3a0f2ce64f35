import Feed
import PresenceStore
import Testing

@Suite("Following event logs")
struct EventTailsTests {
    private func entries(_ positions: String...) -> [OutboxEntry] {
        positions.map { OutboxEntry(position: $0, change: nil) }
    }

    @Test("What was read is not told again; a full read says that there is more")
    func follows() {
        let now = ContinuousClock.now
        var tails = EventTails([0: "5-0", 1: "0-0"], retentionMs: 1_000, now: now)
        #expect(tails.positions == [0: "5-0", 1: "0-0"])
        let first = tails.take(entries("5-0", "6-0", "6-1"), of: 0, limit: 2, now: now)
        #expect(first.events == entries("6-0", "6-1") && first.isBehind && !first.mayHaveMissed)
        let nothing = tails.take(entries("6-1"), of: 0, limit: 2, now: now)
        #expect(nothing.events.isEmpty && !nothing.isBehind && !nothing.mayHaveMissed)
        #expect(tails.take(entries("7-0"), of: 1, limit: 2, now: now).events == entries("7-0"))
        #expect(tails.positions == [0: "6-1", 1: "7-0"])
    }

    @Test("Events may be missed only where a log was not read for as long as delivered events are kept")
    func missed() {
        let now = ContinuousClock.now
        var tails = EventTails([0: "5-0"], retentionMs: 1_000, now: now)
        let soon = tails.take(entries("9-0"), of: 0, limit: 5, now: now + .milliseconds(999))
        #expect(!soon.mayHaveMissed && soon.events == entries("9-0"))
        let late = tails.take(entries("12-0"), of: 0, limit: 5, now: now + .seconds(2))
        #expect(late.mayHaveMissed)
        let there = tails.take(entries("12-0", "13-0"), of: 0, limit: 5, now: now + .seconds(9))
        #expect(!there.mayHaveMissed && there.events == entries("13-0"))
        #expect(!tails.take([], of: 0, limit: 5, now: now + .seconds(99)).mayHaveMissed)
    }
}
