import PresenceCore
import PresenceStore
import Testing

@testable import Inspection

@Suite("What is wrong with a user")
struct UserFlawsTests {
    private static let ann = try! UserID("ann")
    private static let phone = try! SessionID("iPhone:1:g1")
    private static let web = try! SessionID("Web:1:g2")
    private static let now = 1_763_712_345_000
    private static let flaws = UserFlaws(
        platforms: PlatformTable(), keys: KeySpace(prefix: "presence", shards: 16))

    private static func online(_ id: SessionID, _ lease: TimeLeft, push: TimeLeft = .absent) -> UserLook.Session {
        UserLook.Session(id: id, status: .online, lease: lease, push: push)
    }

    private static func found(
        _ sessions: [UserLook.Session], record: TimeLeft = .endless, dueInMs: Int?
    ) -> [FindingCode] {
        let look = UserLook(
            user: ann, nowMs: now, sessions: sessions, record: record, deadlineMs: dueInMs.map { now + $0 })
        return flaws.flaws(of: look).map(\.code)
    }

    @Test("Nothing is, while the deadline comes no later than the first timer's end")
    func healthy() {
        #expect(Self.found([Self.online(Self.phone, .ms(400_000))], dueInMs: 300_000) == [])
        #expect(
            Self.found(
                [Self.online(Self.phone, .ms(400_000)), Self.online(Self.web, .ms(60_000))], dueInMs: 60_000) == [])
        #expect(Self.found([], record: .ms(1_000), dueInMs: nil) == [])
        #expect(Self.found([], record: .absent, dueInMs: nil) == [])
    }

    @Test("A session whose timer ended is the sweep's, as long as it comes before its client's grace is over")
    func ended() {
        #expect(Self.found([Self.online(Self.phone, .absent)], dueInMs: -60_000) == [])
        #expect(Self.found([Self.online(Self.phone, .absent)], dueInMs: 150_000) == [])
        let pushed = UserLook.Session(id: Self.phone, status: .pushOnline, lease: .absent, push: .absent)
        #expect(Self.found([pushed], dueInMs: 0) == [])
    }

    @Test("One that nobody will look at is a ghost")
    func ghost() {
        #expect(Self.found([Self.online(Self.phone, .absent)], dueInMs: 300_000) == [.ghost])
        #expect(Self.found([Self.online(Self.phone, .absent)], dueInMs: nil) == [.missingDeadline, .ghost])
        let pushed = UserLook.Session(id: Self.phone, status: .pushOnline, lease: .absent, push: .absent)
        #expect(Self.found([pushed], dueInMs: 60_000) == [.ghost])
    }

    @Test("A deadline that is missing, late, or of nobody")
    func deadlines() {
        #expect(Self.found([Self.online(Self.phone, .ms(1_000))], dueInMs: nil) == [.missingDeadline])
        #expect(Self.found([Self.online(Self.phone, .ms(1_000))], dueInMs: 2_001) == [.lateDeadline])
        #expect(Self.found([Self.online(Self.phone, .ms(1_000))], dueInMs: 2_000) == [])
        #expect(Self.found([], record: .ms(5), dueInMs: 7) == [.idleDeadline])
    }

    @Test("Timers and records that end when they must not, or never")
    func ends() {
        #expect(Self.found([Self.online(Self.phone, .endless)], dueInMs: 1_000) == [.endlessTimer])
        #expect(Self.found([Self.online(Self.phone, .ms(9), push: .ms(9))], dueInMs: 1) == [.orphanTimer])
        let over = UserLook.Session(id: Self.web, status: nil, lease: .ms(5), push: .endless)
        #expect(Self.found([over], record: .ms(9), dueInMs: nil) == [.orphanTimer, .orphanTimer])
        #expect(Self.found([], record: .endless, dueInMs: nil) == [.endlessRecord])
        #expect(Self.found([Self.online(Self.phone, .ms(9))], record: .ms(9), dueInMs: 1) == [.endingRecord])
    }
}
