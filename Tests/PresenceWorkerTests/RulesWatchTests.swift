import PresenceStore
import Testing

@testable import PresenceWorker

@Suite struct RulesWatchTests {
    static let single = SharedRules(["login.policy": "single"], hasReceiver: true)
    static let dual = SharedRules(["login.policy": "dual"], hasReceiver: true)

    private let start = ContinuousClock.now

    private func membership(_ adopted: SharedRules?, _ live: [(String, SharedRules)]) -> Membership {
        Membership(
            live: live.map {
                WorkerSaying(worker: $0.0, level: 1, rules: $0.1.digest, hasReceiver: $0.1.hasReceiver)
            }, rules: adopted.map { SharedRules.Adopted(rules: $0, digest: $0.digest) }, nowMs: 0)
    }

    private func withoutReceiver(_ rules: SharedRules) -> SharedRules { SharedRules(rules.values, hasReceiver: false) }

    private func watch(_ own: SharedRules) -> RulesWatch { RulesWatch(own, adoptAfter: .seconds(30)) }

    @Test("Where no rules stand a worker adopts its own, at once")
    func none() {
        var watch = watch(Self.single)
        #expect(watch.judge(membership(nil, [("a", Self.single)]), now: start) == .adopts(Self.single, insteadOf: nil))
    }

    @Test("Shards are shared among the live workers whose rules are the adopted ones; the others wait")
    func shared() {
        let live = [("a", Self.single), ("b", Self.dual), ("c", Self.single)]
        var (same, other) = (watch(Self.single), watch(Self.dual))
        #expect(same.judge(membership(Self.single, live), now: start) == .shares(with: ["a", "c"]))
        for seconds in [0, 40, 80] {
            let now = start + .seconds(seconds)
            #expect(other.judge(membership(Self.single, live), now: now) == .waits)
        }
        #expect(Self.dual.differences(from: Self.single) == ["login.policy is dual, adopted is single"])
    }

    @Test("Rules no live worker has for 30 s are replaced; one that comes back in that time keeps them")
    func replaced() {
        var watch = watch(Self.dual)
        let alone = membership(Self.single, [("b", Self.dual)])
        #expect(watch.judge(alone, now: start) == .waits)
        let both = membership(Self.single, [("a", Self.single), ("b", Self.dual)])
        #expect(watch.judge(both, now: start + .seconds(20)) == .waits)
        #expect(watch.judge(alone, now: start + .seconds(31)) == .waits)
        #expect(watch.judge(alone, now: start + .seconds(60)) == .waits)
        #expect(
            watch.judge(alone, now: start + .seconds(61)) == .adopts(Self.dual, insteadOf: Self.single.digest))
    }

    @Test("A receiver is adopted at once, and given up only by the command: until then events wait")
    func receiver() {
        let silent = withoutReceiver(Self.single)
        var (with, without) = (watch(Self.single), watch(silent))
        let live = [("a", Self.single), ("b", silent)]
        #expect(
            with.judge(membership(silent, live), now: start) == .adopts(Self.single, insteadOf: silent.digest))
        #expect(with.judge(membership(Self.single, live), now: start) == .shares(with: ["a"]))
        #expect(without.judge(membership(Self.single, live), now: start) == .waits)
        #expect(
            without.judge(membership(Self.single, [("b", silent), ("c", silent)]), now: start)
                == .standsIn(with: ["b", "c"]))
        #expect(without.judge(membership(silent, [("b", silent)]), now: start) == .shares(with: ["b"]))
        #expect(silent.differences(from: Self.single) == ["callback.url is not set, adopted is yes"])
    }

    @Test("Who adopts other rules without a receiver does not give it up")
    func otherRulesWithoutReceiver() {
        var watch = watch(withoutReceiver(Self.dual))
        let alone = membership(Self.single, [("b", withoutReceiver(Self.dual))])
        #expect(watch.judge(alone, now: start) == .waits)
        #expect(
            watch.judge(alone, now: start + .seconds(30)) == .adopts(Self.dual, insteadOf: Self.single.digest))
    }

    @Test("The digest is that of the values alone, and another one for each")
    func digest() {
        #expect(Self.single.digest == withoutReceiver(Self.single).digest)
        #expect(Self.single.digest != Self.dual.digest)
        #expect(Self.single.digest.count == 12)
    }
}
