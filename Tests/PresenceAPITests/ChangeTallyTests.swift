import JSON
import PresenceCore
import PresenceStore
import Support
import Testing

@testable import PresenceAPI

@Suite("Changes as they are watched")
struct ChangeTallyTests {
    private func change(_ user: String, _ platform: Platform = .web, _ reason: Reason = .register) throws
        -> StatusChange
    {
        StatusChange(
            id: "g-\(user)", user: try UserID(user), version: 1, previous: 0, atMs: 1, action: .login, reason: reason,
            session: SessionID(platform: platform, instance: .unnamed, generation: .random()),
            status: .online, userStatus: .online)
    }

    @Test("All are counted by reason; of each kind the latest are told, and how many more there were")
    func counted() throws {
        var tally = ChangeTally()
        for number in 1...25 { tally.add(try change("w\(number)"), shard: 0, position: "\(number)-0") }
        tally.add(try change("phone", .iPhone, .timeOut), shard: 0, position: "26-0")
        let heard = tally.take()
        #expect(heard.counts == [.register: 25, .timeOut: 1])
        let all = heard.rows(ChangeFilter())
        #expect(all.rows.count == ChangeTally.rowsMax && all.more == 16)
        #expect(all.rows.last?.change.user.rawValue == "phone" && all.rows.map(\.number) == Array(17...26))
        #expect(heard.rows(ChangeFilter(platform: "iPhone")).rows.count == 1)
        #expect(heard.rows(ChangeFilter(platform: "iPhone", reason: .register)).rows.isEmpty)
        #expect(heard.rows(ChangeFilter(reason: .register)).more == 15)
        #expect(tally.take().counts.isEmpty, "each is told once")
    }

    @Test("A row is done when the cursor of its shard is there or beyond, once")
    func done() throws {
        var tally = ChangeTally()
        tally.add(try change("ann"), shard: 1, position: "10-0")
        tally.add(try change("bob"), shard: 2, position: "10-1")
        #expect(tally.done(by: [1: "99-0", 2: "99-0"]) == [], "nobody was told of them yet")
        _ = tally.take()
        #expect(tally.done(by: [1: "9-9", 2: "10-0"]) == [])
        #expect(tally.done(by: [1: "10-0"]) == [1])
        #expect(tally.done(by: [1: "11-0", 2: "10-1"]) == [2])
        #expect(tally.done(by: [1: "11-0", 2: "10-1"]) == [])
    }

    @Test("However many platforms records name and however long nothing is delivered, it stays small")
    func bounded() throws {
        var tally = ChangeTally()
        for number in 0..<3 * ChangeTally.kindsMax {
            tally.add(try change("u", try Platform("P\(number)")), shard: 0, position: "1-\(number)")
        }
        let heard = tally.take()
        #expect(heard.counts[.register] == 3 * ChangeTally.kindsMax)
        #expect(heard.kinds.count == ChangeTally.kindsMax)
        for round in 0..<ChangeTally.waitingMax {
            tally.add(try change("u"), shard: 0, position: "2-\(round)")
            tally.add(try change("v"), shard: 0, position: "2-\(round)")
            _ = tally.take()
        }
        #expect(tally.done(by: [0: "9-0"]).count == ChangeTally.waitingMax)
    }
}
