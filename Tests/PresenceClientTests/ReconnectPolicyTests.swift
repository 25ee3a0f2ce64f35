import Testing

@testable import PresenceClient

@Suite("Which close codes a client comes back after, and when")
struct ReconnectPolicyTests {
    private func policy() -> ReconnectPolicy {
        ReconnectPolicy(pauseMin: .milliseconds(500), pauseMax: .seconds(30))
    }

    @Test(
        "A client stays away after codes that say so",
        arguments: [1000, 1002, 1003, 1007, 1009, 4000, 4001, 4002, 4003, 4004, 4005, 4099] as [UInt16])
    func staysAway(code: UInt16) {
        var policy = policy()
        #expect(policy.pause(after: code, reason: "retry-after-ms=5", part: 0) == nil)
    }

    @Test(
        "A client comes back after a lost way, a restart, too much load, and the service's other codes",
        arguments: [1001, 1005, 1006, 1011, 1012, 1013, 4100, 4101, 4102, 4103, 4104, 4199] as [UInt16])
    func comesBack(code: UInt16) {
        var policy = policy()
        #expect(policy.pause(after: code, reason: "", part: 0) == .milliseconds(500))
    }

    @Test("Pauses lie between half a second and a bound that doubles up to 30 s")
    func bounds() {
        var policy = policy()
        let bounds = (0..<8).map { _ in policy.pause(after: 1006, reason: "", part: 1) }
        #expect(bounds == [1, 2, 4, 8, 16, 30, 30, 30].map { .seconds($0) })
        #expect(policy.pause(after: 1006, reason: "", part: 0) == .milliseconds(500))
    }

    @Test("Very many failures change nothing any more")
    func manyFailures() {
        var policy = policy()
        for _ in 0..<1000 { _ = policy.pause(after: 1006, reason: "", part: 1) }
        #expect(policy.pause(after: 1006, reason: "", part: 1) == .seconds(30))
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

    @Test("A hint is bounded, and one that cannot be read is none", arguments: ["soon", "retry-after-ms=x", ""])
    func hints(reason: String) {
        var policy = policy()
        #expect(policy.pause(after: 1012, reason: reason, part: 0) == .milliseconds(500))
        #expect(policy.pause(after: 1012, reason: "retry-after-ms=-7", part: 0) == .zero)
        #expect(policy.pause(after: 1012, reason: "retry-after-ms=\(Int.max)", part: 0) == .seconds(3600))
    }
}
