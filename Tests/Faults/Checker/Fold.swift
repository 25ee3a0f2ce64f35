import PresenceCore

/// A user's sessions after each change, by the rules alone, and where a change is against them.
struct Fold: Sendable {
    struct Step: Sendable {
        let change: Change
        /// Every live session and its status.
        let sessions: [String: String]
        /// Nothing was lost that these sessions follow from.
        let isCertain: Bool
        let userStatus: String
    }

    private(set) var steps: [Step] = []
    private(set) var brokenEdges: [String] = []
    private(set) var brokenLimits: [String] = []
    private var sessions: [String: Session] = [:]
    private var begun: Set<String> = []
    private var isCertain = true
    private let rules: RulesInForce

    /// - Parameter isWhole: whether a change names those it displaced.
    init(
        _ user: String, _ changes: [Change], _ rules: RulesInForce, _ clock: Clock, isWhole: (Change) -> Bool
    ) {
        self.rules = rules
        for change in changes {
            if change.previous != steps.last?.change.version ?? 0 {
                // What is missing is told by another invariant, or declared.
                (sessions, isCertain) = ([:], false)
            }
            apply(change, isWhole(change))
            let statuses = sessions.values.map { ($0.id.description, $0.status.rawValue) }
            steps.append(
                Step(
                    change: change, sessions: Dictionary(uniqueKeysWithValues: statuses), isCertain: isCertain,
                    userStatus: change.userStatus))
        }
    }

    /// The user as it was once the version was there; nil for a version that is none of its.
    func step(at version: Int) -> Step? {
        var (low, high) = (0, steps.count)
        while low < high {
            let middle = (low + high) / 2
            if steps[middle].change.version < version { low = middle + 1 } else { high = middle }
        }
        return steps.indices.contains(low) && steps[low].change.version == version ? steps[low] : nil
    }

    private mutating func apply(_ change: Change, _ isWhole: Bool) {
        guard let id = try? SessionID(change.session) else {
            return brokenEdges.append("\(change.user): \(change.id) is of no session")
        }
        switch (change.action, change.reason) {
        case ("Login", "Register"): logIn(change, id, isWhole)
        case ("Disconnect", "LinkClose"): lose(change, id)
        case ("Disconnect", "TimeOut"):
            rules.table[id.platform].platformClass == .browser
                ? refuse(change, "a browser's silence is a LinkClose") : lose(change, id)
        case ("Logout", "Unregister"), ("Logout", "Kicked"): end(change, id, from: [.online, .pushOnline])
        case ("Logout", "Expired"): end(change, id, from: [.pushOnline])
        default: refuse(change, "there is no such change")
        }
        let status = Status.ofUser(sessions.values.map(\.status))
        if isCertain, status.rawValue != change.userStatus {
            refuse(change, "the user is \(status.rawValue), it says \(change.userStatus)")
        }
    }

    private mutating func refuse(_ change: Change, _ why: String) {
        brokenEdges.append("\(change.user): \(change.what) of \(change.session) (\(change.id)): \(why)")
    }

    private mutating func logIn(_ change: Change, _ id: SessionID, _ isWhole: Bool) {
        if !begun.insert(change.session).inserted { refuse(change, "it was logged in before") }
        let rule = rules.limits.rule(for: id.platform, in: rules.table)
        let displaced = rule.displaced(byLoginOf: id.device, among: Array(sessions.values)).map(\.id.description)
        if isWhole, isCertain, Set(displaced) != Set(change.kicked) {
            brokenLimits.append(
                "\(change.user): the login \(change.id) ended \(change.kicked.sorted()), the policy says \(displaced.sorted())"
            )
        }
        for session in displaced + change.kicked {
            sessions = sessions.filter { $0.value.id.description != session }
        }
        sessions[id.device] = Session(
            id: id, status: .online, loginAtMs: change.version, changedAtMs: change.version, details: .unknown,
            worker: "")
        if change.status != "Online" { refuse(change, "it says \(change.status)") }
    }

    private mutating func lose(_ change: Change, _ id: SessionID) {
        guard let now = status(of: id, change), now == .online else { return }
        let after: Status = rules.table[id.platform].hasPush ? .pushOnline : .offline
        if change.status != after.rawValue { refuse(change, "it says \(change.status)") }
        if after == .offline {
            sessions[id.device] = nil
            return
        }
        sessions[id.device, default: Self.assumed(id)].status = after
    }

    private mutating func end(_ change: Change, _ id: SessionID, from: [Status]) {
        guard let now = status(of: id, change, assume: from.last ?? .online) else { return }
        if !from.contains(now) { refuse(change, "the session is \(now.rawValue)") }
        if change.status != "Offline" { refuse(change, "it says \(change.status)") }
        if sessions[id.device]?.id == id { sessions[id.device] = nil }
    }

    /// Where the session stands; of one that is not known, after a loss, what suits.
    private mutating func status(of id: SessionID, _ change: Change, assume: Status = .online) -> Status? {
        if let own = sessions[id.device], own.id == id {
            if change.action == "Disconnect", own.status != .online {
                refuse(change, "the session is \(own.status.rawValue)")
            }
            return own.status
        }
        if isCertain {
            refuse(change, "there is no such session")
            return nil
        }
        return assume
    }

    private static func assumed(_ id: SessionID) -> Session {
        Session(id: id, status: .online, loginAtMs: 0, changedAtMs: 0, details: .unknown, worker: "")
    }
}
