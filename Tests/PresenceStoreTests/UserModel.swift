import PresenceCore

/// What should become of a user, by the rules alone: no Redis, and no clock but the login times it is told.
struct UserModel {
    /// A change as the outbox should tell it; its version and time are Redis' business.
    struct Change: Equatable {
        var action: Action
        var reason: Reason
        var session: SessionID
        var status: Status
        var userStatus: Status
        var kicked: Set<SessionID> = []
    }

    let platforms: PlatformTable
    let limits: LoginLimits
    private(set) var sessions: [String: Session] = [:]
    private(set) var changes: [Change] = []

    init(platforms: PlatformTable, limits: LoginLimits) {
        self.platforms = platforms
        self.limits = limits
    }

    var status: Status { .ofUser(sessions.values.map(\.status)) }
    var statuses: [SessionID: Status] { sessions.values.reduce(into: [:]) { $0[$1.id] = $1.status } }

    func displaced(byLoginOf device: String, on platform: Platform) -> Set<SessionID> {
        let rule = limits.rule(for: platform, in: platforms)
        return Set(rule.displaced(byLoginOf: device, among: Array(sessions.values)).map(\.id))
    }

    mutating func login(_ session: Session) {
        let displaced = displaced(byLoginOf: session.id.device, on: session.id.platform)
        for other in displaced { sessions[other.device] = nil }
        sessions[session.id.device] = session
        record(.login, .register, session.id, .online, kicked: displaced)
    }

    /// The connection closed, or the client fell silent.
    mutating func lose(_ id: SessionID, _ reason: Reason) {
        guard sessions[id.device]?.id == id, sessions[id.device]?.status == .online else { return }
        if platforms[id.platform].hasPush {
            sessions[id.device]?.status = .pushOnline
            record(.disconnect, reason, id, .pushOnline)
        } else {
            sessions[id.device] = nil
            record(.disconnect, reason, id, .offline)
        }
    }

    mutating func logout(_ id: SessionID, _ reason: Reason) {
        guard sessions[id.device]?.id == id else { return }
        sessions[id.device] = nil
        record(.logout, reason, id, .offline)
    }

    /// The session's timer ended.
    mutating func timeOut(_ id: SessionID) {
        guard let session = sessions[id.device], session.id == id else { return }
        if session.status == .online {
            lose(id, platforms[id.platform].silenceReason)
        } else {
            logout(id, .expired)
        }
    }

    private mutating func record(
        _ action: Action, _ reason: Reason, _ session: SessionID, _ status: Status, kicked: Set<SessionID> = []
    ) {
        changes.append(
            Change(
                action: action, reason: reason, session: session, status: status, userStatus: self.status,
                kicked: kicked))
    }

    /// Whether no two sessions exclude each other and no instance limit is exceeded.
    var keepsLimits: Bool {
        sessions.values.allSatisfy { session in
            let rule = limits.rule(for: session.id.platform, in: platforms)
            let sharing = sessions.values.filter { rule.sharing.contains($0.id.platform) }
            return sharing.count <= rule.limit
                && !sessions.values.contains { rule.excluded.contains($0.id.platform) }
        }
    }
}

extension UserModel.Change {
    init(_ change: StatusChange) {
        self.init(
            action: change.action, reason: change.reason, session: change.session, status: change.status,
            userStatus: change.userStatus, kicked: Set(change.kicked))
    }
}
