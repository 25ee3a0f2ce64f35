import PresenceCore
import Testing

@testable import PresenceWorker

@Suite("Whether the receiver is at fault")
struct ReceiverHealthTests {
    private let users = try! ["ann", "bob", "cat", "dan"].map { try UserID($0) }
    private let start = ContinuousClock.now

    private func failed(
        _ health: inout ReceiverHealth, _ user: Int, at: Duration, asked: Int? = nil, probe: Bool = false
    ) {
        health.failed(users[user], detail: "502", askedMs: asked, isProbe: probe, start + at)
    }

    @Test("It is when events of three users failed for a while and none was accepted between")
    func fault() {
        var health = ReceiverHealth(paces: DeliveryPaces())
        for at in 0..<9 { failed(&health, 0, at: .seconds(at)) }
        #expect(!health.isAtFault, "one user is no evidence")
        failed(&health, 1, at: .seconds(9))
        health.accepted(users[3], start + .seconds(9))
        failed(&health, 2, at: .seconds(9))
        failed(&health, 0, at: .seconds(9))
        failed(&health, 1, at: .milliseconds(9_200))
        #expect(!health.isAtFault, "not for long enough")
        failed(&health, 1, at: .milliseconds(9_600))
        #expect(health.isAtFault)
    }

    @Test(
        "One probe at a time with growing pauses; Retry-After counts, up to ten seconds; any acceptance brings it back")
    func probes() {
        var health = ReceiverHealth(paces: DeliveryPaces())
        for user in 0..<3 { failed(&health, user, at: .seconds(user)) }
        #expect(!health.mayProbe(start + .seconds(2)) && health.mayProbe(start + .milliseconds(2_200)))
        health.beginProbe()
        #expect(!health.mayProbe(start + .seconds(9)))
        failed(&health, 0, at: .seconds(9), asked: 3_600_000)
        #expect(!health.mayProbe(start + .seconds(99)), "an attempt from before is no probe")
        failed(&health, 1, at: .seconds(10), asked: 3_600_000, probe: true)
        #expect(!health.mayProbe(start + .seconds(19)) && health.mayProbe(start + .seconds(20)))
        #expect(health.mayProbeFresh(start + .seconds(12)), "an event never tried does not wait as asked")
        let spell = health.spell
        health.accepted(users[3], start + .seconds(70))
        #expect(!health.isAtFault && health.spell == spell + 1)
    }

    @Test("It knows whether somebody else's event was accepted since")
    func others() {
        var health = ReceiverHealth(paces: DeliveryPaces())
        health.accepted(users[0], start)
        health.accepted(users[1], start + .seconds(1))
        health.accepted(users[1], start + .seconds(2))
        #expect(health.accepted(otherThan: users[1], since: start))
        #expect(!health.accepted(otherThan: users[1], since: start + .seconds(1)))
        #expect(health.accepted(otherThan: users[0], since: start + .seconds(2)))
        #expect(health.accepted(otherThan: users[2], since: start + .seconds(2)))
    }
}
