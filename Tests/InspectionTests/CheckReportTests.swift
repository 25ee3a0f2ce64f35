import Inspection
import PresenceStore
import Testing

@Suite("What presence check says")
struct CheckReportTests {
    private func facts(_ change: (inout HealthFacts) -> Void = { _ in }) -> HealthFacts {
        let rules = StoreOptions(worker: "a").rules(hasReceiver: true)
        let live = ["a", "b"].map {
            WorkerSaying(worker: $0, level: 1, rules: rules.digest, hasReceiver: true)
        }
        var facts = HealthFacts(
            nowMs: nowMs, live: live, rules: SharedRules.Adopted(rules: rules, digest: rules.digest))
        for shard in 0..<4 {
            var health = HealthFacts.ShardHealth()
            health.sweptAtMs = nowMs - 900
            health.firstDueMs = nowMs + 5_000
            facts.shards[shard] = health
        }
        change(&facts)
        return facts
    }

    private func line(_ thresholds: CheckThresholds = CheckThresholds(), _ change: (inout HealthFacts) -> Void)
        -> String
    {
        CheckReport(facts(change), shards: 4, thresholds).line
    }

    @Test("A healthy service is OK, with all figures and their limits behind the bar")
    func ok() {
        #expect(
            line { _ in }
                == "PRESENCE OK - 2 workers, 4 shards, all swept lately | workers=2;;;0 sweep_age=0.9s;8.0;15.0;0 "
                + "lag=0.0s;5.0;60.0;0 backlog=0;10000;500000;0 backlog_age=0.0s;30.0;600.0;0 "
                + "backlog_full=0;50;100;0 dead=0;1;;0 aside=0;1;;0 graces=0;1;;0 other_rules=0;1;;0")
    }

    @Test("The worst is said first, and decides")
    func worst() {
        let line = line {
            $0.shards[1]?.dead = 2
            $0.shards[2]?.firstDueMs = nowMs - 61_000
            $0.shards[3]?.backlog = 12_000
            $0.shards[3]?.oldestWaitingMs = nowMs - 31_000
        }
        #expect(
            line.hasPrefix(
                "PRESENCE CRITICAL - settlement is 61 s late; 12000 events wait for the receiver; "
                    + "the oldest waiting event is 31 s old; 2 dead letters | "), "\(line)")
    }

    @Test("Each figure has its complaint")
    func complaints() {
        let failure = StoreError(.unavailable, "Redis cannot be asked | right now; try again.")
        let cases: [((inout HealthFacts) -> Void, String)] = [
            ({ $0.shards[0]?.sweptAtMs = nil }, "CRITICAL - 1 shards were never swept"),
            ({ $0.shards[0]?.sweptAtMs = nowMs - 9_000 }, "WARNING - a shard was not swept for 9 s"),
            ({ $0.shards[0]?.aside = 1 }, "WARNING - 1 event is set aside"),
            ({ $0.shards[0]?.isInGrace = true }, "WARNING - 1 shards are in a grace period"),
            ({ $0.live[1].rules = "other" }, "WARNING - workers with other rules: b"),
            ({ $0.live = [] }, "CRITICAL - 0 live workers, 1 are wanted"),
            (
                { $0.shards[1]?.backlog = 125_000 },
                "WARNING - 125000 events wait for the receiver; a shard's backlog is 50 %"
                    + " full: at 100 % logins are refused"
            ),
            (
                { $0.shards[1]?.backlog = 250_000 },
                "CRITICAL - a shard's backlog is full: logins are refused until the "
                    + "receiver takes events; 250000 events wait for the receiver"
            ),
            ({ $0.complaint = "Add +xadd." }, "CRITICAL - Add +xadd."),
            ({ $0.rules = nil }, "WARNING - no rules stand"),
            (
                { $0.failures[3] = failure },
                "CRITICAL - 1 shards cannot be asked: Redis cannot be asked / right now; try again."
            ),
        ]
        for (change, text) in cases {
            let line = line(CheckThresholds(), change)
            #expect(line.contains(" \(text) | "), "\(line)")
        }
    }

    @Test("A limit that is switched off is none")
    func off() {
        var thresholds = CheckThresholds()
        thresholds.dead = .init(nil, nil)
        let line = line(thresholds) { $0.shards[0]?.dead = 9 }
        #expect(line.hasPrefix("PRESENCE OK"))
    }
}
