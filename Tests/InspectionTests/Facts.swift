import PresenceCore
import PresenceStore

/// 2026-11-21T09:26:43.597Z
let nowMs = 1_795_253_203_597

func session(_ text: String) -> SessionID { try! SessionID(text) }

/// Facts as Redis would have them, by hand.
struct Facts {
    var facts: UserFacts
    private var previous = 0

    init(_ user: String, rules: SharedRules? = StoreOptions(worker: "a").rules(hasReceiver: true)) {
        let presence = UserPresence(user: try! UserID(user), version: 0, changedAtMs: nil, sessions: [])
        var shard = UserFacts.ShardFacts(number: 71, keys: "presence:{071}:")
        shard.owner = "host-Ab3dE6"
        shard.isOwnerLive = true
        shard.ownedUntilMs = nowMs + 5_000
        shard.sweptAtMs = nowMs - 412
        facts = UserFacts(presence: presence, nowMs: nowMs, shard: shard)
        facts.rules = rules.map { SharedRules.Adopted(rules: $0, digest: $0.digest) }
    }

    /// A change so many milliseconds ago, delivered unless said otherwise.
    @discardableResult
    mutating func change(
        _ ago: Int, _ action: Action, _ reason: Reason, _ name: String, _ status: Status, user: Status? = nil,
        kicked: [String] = [], note: String? = nil, attempts: Int? = nil
    ) -> OutboxEntry {
        let version = nowMs - ago
        let change = StatusChange(
            id: "\(session(name).generation)-\(version)", user: facts.user, version: version, previous: previous,
            atMs: version, action: action, reason: reason, session: session(name), status: status,
            userStatus: user ?? status, kicked: kicked.map(session), note: note)
        previous = version
        let entry = OutboxEntry(position: "\(version)-0", change: change)
        facts.events.append(entry)
        facts.shard.firstEvent = facts.shard.firstEvent ?? entry.position
        facts.shard.cursor = entry.position
        facts.attempts[change.id] = attempts
        facts.presence.version = version
        facts.presence.changedAtMs = version
        return entry
    }

    /// A session on record whose timer runs for so long.
    mutating func record(
        _ name: String, _ status: Status = .online, login: Int, changed: Int? = nil, left: Int?,
        details: ClientDetails = .unknown, link: String? = nil
    ) {
        let id = session(name)
        facts.presence.sessions.append(
            Session(
                id: id, status: status, loginAtMs: nowMs - login, changedAtMs: nowMs - (changed ?? login),
                details: details, worker: "host-Ab3dE6"))
        facts.timers[id] = UserFacts.Timers(
            leaseLeftMs: status == .online ? left : nil, pushLeftMs: status == .online ? nil : left, link: link)
        if let left { facts.deadline = .at(nowMs + left) }
    }
}
