import PresenceCore
import Testing

@testable import PresenceStore

@Suite("Numbers and positions that people wrote by hand")
struct StoredNumberTests {
    @Test("Any of them can be subtracted from any other")
    func bounds() {
        for text in ["inf", "-inf", "1e300", "-1e300", "9223372036854775807", "-9223372036854775808", "0"] {
            let (time, count) = (StoredNumber.time(text) ?? -1, StoredNumber.count(text) ?? .min)
            #expect((0...StoredNumber.most).contains(time) && abs(count) <= StoredNumber.most, "\(text)")
        }
        #expect(StoredNumber.time("1795253203597") == 1_795_253_203_597)
        #expect(StoredNumber.count("-3") == -3 && StoredNumber.time("-3") == 0)
        #expect(StoredNumber.time(nil) == nil && StoredNumber.time("soon") == nil && StoredNumber.count("nan") == nil)
        #expect(StoredNumber.left(-2) == -2 && StoredNumber.left(.max) == StoredNumber.most)
    }

    @Test("A position's time is bounded too, and its order is that of the stream")
    func positions() {
        let last = "18446744073709551615-18446744073709551615"
        #expect(StreamPosition.milliseconds(last) == StoredNumber.most)
        #expect(StreamPosition.milliseconds("1795253203597-4") == 1_795_253_203_597)
        #expect(StreamPosition.milliseconds("x") == nil)
        #expect(StreamPosition.isBefore("9-9", "10-0") && StreamPosition.isBefore("9-9", "9-10"))
        #expect(StreamPosition.isBefore("9-9", last) && !StreamPosition.isBefore(last, last))
    }

    @Test("Facts of a user are whole once the timers of every session on record were asked for")
    func timers() throws {
        let (old, new) = (SessionID.never("Web:1"), SessionID.never("Mac:1"))
        let session = Session(
            id: new, status: .online, loginAtMs: 1, changedAtMs: 1, details: .unknown, worker: "a")
        let presence = UserPresence(user: .ann, version: 1, changedAtMs: 1, sessions: [session])
        var facts = UserFacts(presence: presence, nowMs: 1, shard: UserFacts.ShardFacts(number: 0, keys: ""))
        facts.timers[old] = UserFacts.Timers()
        #expect(!facts.haveAllTimers, "as many as there are sessions, of others")
        facts.timers[new] = UserFacts.Timers()
        #expect(facts.haveAllTimers)
    }
}
