import PresenceCore

/// A history in the order the invariants ask for it.
struct Evidence: Sendable {
    /// How exact times are that come from different clocks, or were rounded.
    static let slackMs = 250

    let history: History
    /// What the receiver has, without repeats, in the order it came.
    let taken: [ReceivedPost]
    /// When the receiver first had the event.
    let heardMs: [String: RunMs]
    /// By id.
    let logged: [String: Change]
    /// What was ever committed, by user, in the order of versions.
    let changes: [String: [Change]]
    let calls: [String: [Call]]
    let rules: RulesInForce
    let folds: [String: Fold]

    init(_ history: History) {
        self.history = history
        var seen: Set<String> = []
        taken = history.attempts.filter { $0.isTaken && seen.insert($0.id).inserted }
        heardMs = Dictionary(uniqueKeysWithValues: taken.map { ($0.id, $0.heardMs) })
        logged = Dictionary(history.dump.log.map { ($0.id, $0) }) { first, _ in first }
        let logged = logged
        let heardOnly = taken.filter { logged[$0.id] == nil }.map(Change.init)
        let all = Dictionary(grouping: Array(logged.values) + heardOnly, by: \.user)
        changes = all.mapValues { $0.sorted { ($0.version, $0.id) < ($1.version, $1.id) } }
        calls = Dictionary(grouping: history.calls, by: \.user)
        rules = RulesInForce(history.rules)
        let rules = rules
        let clock = Clock(epochMs: history.epochMs, heardMs: heardMs, losses: history.losses)
        self.clock = clock
        folds = Dictionary(
            uniqueKeysWithValues: changes.map { user, changes in
                (user, Fold(user, changes, rules, clock, isWhole: { logged[$0.id] != nil }))
            })
    }

    let clock: Clock

    var users: Set<String> { Set(changes.keys).union(history.dump.users.map(\.user)) }

    func timeoutMs(of session: String) -> Int {
        history.rules.timeoutMs[String(session.prefix { $0 != ":" })] ?? 0
    }

    /// How long this machine stood still between these moments.
    func stalledMs(from: RunMs, to: RunMs) -> Int {
        history.stalls.filter { $0.atMs + $0.lengthMs >= from && $0.atMs <= to }.map(\.lengthMs).reduce(0, +)
    }

    /// Whether a fault at this time may delay what has to happen in it.
    func isDelayed(from: RunMs, to: RunMs) -> Bool {
        history.faults.contains { $0.delaysDetection && $0.fromMs <= to && $0.toMs >= from }
    }
}

/// When changes were committed, as far as that can be known, and what may have been lost then.
struct Clock: Sendable {
    let epochMs: Int?
    let heardMs: [String: RunMs]
    let losses: [History.Loss]

    /// On the clock of the run; where Redis' clock is moved, when it was heard. nil if that is not known either.
    func committedMs(_ change: Change) -> RunMs? { epochMs.map { change.atMs - $0 } ?? heardMs[change.id] }

    /// Whether what happened at this time is declared lost.
    func isLost(from: RunMs, to: RunMs) -> Bool {
        losses.contains { $0.fromMs - Evidence.slackMs <= to && from <= $0.toMs + Evidence.slackMs }
    }

    /// Whether data was lost between two changes of a user, so that the later one need not know of the earlier.
    func isLost(between earlier: Change?, and later: Change) -> Bool {
        guard let laterMs = committedMs(later) else { return !losses.isEmpty }
        let earlierMs = earlier.flatMap(committedMs) ?? .min / 2
        return losses.contains { earlierMs <= $0.toMs + Evidence.slackMs && $0.sinceMs <= laterMs + Evidence.slackMs }
    }

    /// Whether data was lost after the change.
    func isLost(after change: Change) -> Bool {
        guard let committed = committedMs(change) else { return !losses.isEmpty }
        return losses.contains { committed <= $0.toMs + Evidence.slackMs }
    }
}

/// The rules of the run as the service's own values.
struct RulesInForce: Sendable {
    let table: PlatformTable
    let limits: LoginLimits

    init(_ rules: History.Rules) {
        var table = PlatformTable()
        for (name, timeout) in rules.timeoutMs {
            guard let platform = try? Platform(name) else { continue }
            table[platform].heartbeat.timeoutMs = timeout
            table[platform].hasPush = rules.pushPlatforms.contains(name)
        }
        self.table = table
        var limits = LoginLimits(policy: LoginPolicy(rawValue: rules.policy) ?? .single)
        for (name, limit) in rules.limits {
            if let platform = try? Platform(name) { limits.instances[platform] = limit }
        }
        self.limits = limits
    }

    /// Whether these sessions may be there at once.
    func allows(_ sessions: [String]) -> Bool {
        let ids = sessions.compactMap { try? SessionID($0) }
        return ids.allSatisfy { id in
            let rule = limits.rule(for: id.platform, in: table)
            return ids.count { rule.sharing.contains($0.platform) } <= rule.limit
                && !ids.contains { rule.excluded.contains($0.platform) }
        }
    }
}

extension Change {
    /// As the receiver was told: without whom it displaced.
    init(_ attempt: ReceivedPost) {
        self.init(
            id: attempt.id, user: attempt.user, version: attempt.version, previous: attempt.previous,
            atMs: attempt.atMs, action: attempt.action, reason: attempt.reason, session: attempt.session,
            status: attempt.status, userStatus: attempt.userStatus)
    }

    var device: String { String(session[..<(session.lastIndex(of: ":") ?? session.endIndex)]) }
    var platform: String { String(session.prefix { $0 != ":" }) }
}
