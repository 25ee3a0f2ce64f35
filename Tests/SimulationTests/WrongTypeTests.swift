import Faults
import PresenceStore
import RedisClient
import Testing

@Suite(.timeLimit(.minutes(5))) struct WrongTypeTests {
    /// Where a script goes on without what a key should hold. All others refuse.
    private static let tolerated: [String: Set<String>] = [
        // Deliveries that took several attempts are noted for people alone; what is counted has been delivered or not.
        "acknowledge_events": ["attempts"], "finish_aside": ["attempts", "cursor"],
        "drop_dead": ["attempts", "cursor"],
        // Mirrors of the records are counted anew, timers written anew, and what is forgotten only lets a repeat count.
        "login_session": ["counts", "cursor", "lease", "push", "recent", "revoked"],
        "disconnect_session": ["counts", "cursor", "lease", "push", "recent"],
        "logout_session": ["counts", "cursor", "lease", "push", "recent"],
        "kick_user": ["counts", "cursor", "lease", "push", "recent", "revoked"],
        "settle_users": ["counts", "cursor", "grace", "lease", "push"],
        "resume_session": ["lease", "recent", "revoked"], "revive_session": ["lease"], "rearm_users": ["lease"],
        "tend_shard": ["alarm", "aside", "events", "grace"],
        // What is none of ours holds up nobody else: it is put off, or goes.
        "own_shard": ["owner"], "adopt_rules": ["rules"], "note_layout": ["meta"], "register_worker": ["workers"],
        "open_outbox": ["aside", "counts", "cursor", "dead", "deadlines", "events"],
        "mend_counts": ["counts"], "mend_users": ["lease", "push"],
    ]

    @Test("A key of another type in the place of any key of a script is refused before the first write, or tolerated")
    func everyKey() async throws {
        let trials = try await WrongTypes.run()
        for trial in trials {
            if trial.isRefused {
                #expect(!trial.hasChanged, "\(trial.script) refuses \(trial.key) after it has written")
            } else if trial.hasChanged, trial.script != "settle_users" || trial.key != "user" {
                #expect(Self.tolerated[trial.script]?.contains(trial.key) == true, "\(trial.script) \(trial.key)")
            }
        }
        let scripts = Set((Scripts.all + Scripts.ofInspection).map(\.script.name))
        #expect(Set(trials.map(\.script)) == scripts.subtracting(["check_permissions"]))
    }
}
