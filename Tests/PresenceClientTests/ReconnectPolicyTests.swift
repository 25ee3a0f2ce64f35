import Testing

@testable import PresenceClient

@Suite("Which close codes a client comes back after, and when")
struct ReconnectPolicyTests {
    private func policy() -> ReconnectPolicy {
        ReconnectPolicy(pauseMin: .milliseconds(500), pauseMax: .seconds(15))
    }

    @Test("A client stays away after codes that say so", arguments: [1000, 1002, 4000, 4001, 4099] as [UInt16])
    func staysAway(code: UInt16) {
        var policy = policy()
        #expect(policy.pause(after: code, reason: "retry-after-ms=5", part: 0) == nil)
    }

    @Test(
        "It comes back after a lost way and after what asks for it without saying when",
        arguments: [1001, 1006, 1012, 1013, 4100, 4104] as [UInt16])
    func comesBack(code: UInt16) {
        var policy = policy()
        #expect(policy.pause(after: code, reason: "", part: 0) == .milliseconds(500))
        #expect(policy.pause(after: code, reason: "", part: 0) == .seconds(1))
    }

    @Test("Pauses lie between half and the whole of a bound that doubles from 1 to 15 s")
    func bounds() {
        var policy = policy()
        let bounds = (0..<6).map { _ in policy.pause(after: 1006, reason: "", part: 1) }
        #expect(bounds == [1, 2, 4, 8, 15, 15].map { .seconds($0) })
        #expect(policy.pause(after: 1006, reason: "", part: 0) == .milliseconds(7_500))
        policy.reset()
        #expect(policy.pause(after: 1006, reason: "", part: 0) == .milliseconds(500))
    }

    @Test("A worker's restart says when to come back, and counts as no failure")
    func restart() {
        var policy = policy()
        for _ in 0..<5 {
            #expect(policy.pause(after: 1012, reason: "retry-after-ms=1234", part: 1) == .milliseconds(1234))
        }
        #expect(policy.pause(after: 1006, reason: "", part: 1) == .seconds(1))
    }

    @Test("Overload says how long to stay away at least; the pauses beyond grow")
    func overload() {
        var policy = policy()
        let pauses = (0..<3).map { _ in policy.pause(after: 1013, reason: "retry-after-ms=2000", part: 1) }
        #expect(pauses == [3, 4, 6].map { .seconds($0) })
    }
}
