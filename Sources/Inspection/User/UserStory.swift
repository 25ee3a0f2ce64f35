import PresenceCore
import PresenceStore

/// Why a user is in this state: what Redis has about them, and what follows from it by the rules that stand. Made from
/// `UserFacts`, without looking anything up.
package struct UserStory: Sendable {
    package let facts: UserFacts
    /// The rules that stand or, where none do, the defaults; as a worker that has them goes by them.
    package let options: StoreOptions
    /// In the order of login.
    package let sessions: [SessionStory]
    /// Sessions that are over, as far as it is still known, the latest end last.
    package let ended: [EndedSession]
    /// In the order of version.
    package let changes: [ChangeStory]
    /// Shell commands that show the same.
    package let commands: [String]
    /// Whether redis-cli has to find a password in REDISCLI_AUTH.
    let needsPassword: Bool

    /// - Parameter commandLine: redis-cli with what it needs to reach the master that has the user.
    package init(_ facts: UserFacts, commandLine: String, needsPassword: Bool = false) {
        self.facts = facts
        self.needsPassword = needsPassword
        options =
            facts.rules.map { StoreOptions(worker: "inspect", rules: $0.rules) } ?? StoreOptions(worker: "inspect")
        sessions = facts.presence.sessions.map { [options] in SessionStory($0, facts, options) }
        changes = ChangeStory.all(facts)
        ended = EndedSession.all(facts, changes.map(\.change))
        commands = Self.commands(facts, changes, commandLine)
    }

    package var user: UserID { facts.user }
    package var status: Status { facts.presence.status }
    package var nowMs: Int { facts.nowMs }

    /// A session or a change is on record, or was until lately.
    package var isKnown: Bool {
        facts.presence.version > 0 || !sessions.isEmpty || !changes.isEmpty || !ended.isEmpty
    }

    /// The platforms the story is about.
    var platforms: [Platform] {
        let all = sessions.map(\.session.id) + ended.map(\.session) + changes.map(\.change.session)
        return Set(all.map(\.platform)).sorted { $0.name < $1.name }
    }
}

/// One session on record, and how its timer stands.
package struct SessionStory: Sendable {
    package enum Timer: Sendable, Equatable {
        case runs(endsAtMs: Int)
        /// It has no end: somebody took it away by hand. The next sweep gives it one.
        case endless
        /// It is gone, and nobody is settled as lost yet: a heartbeat until then revives the session.
        case grace(untilMs: Int)
        /// It is gone: the next sweep settles the session.
        case due
        /// It is gone, and the shard has not been swept for so long that this counts as an outage.
        case unswept
    }

    package let session: Session
    package let link: String?
    /// Of the lease of an Online session, of the push timer of one that is PushOnline.
    package let timer: Timer
    /// The timer of the other status is there, too: somebody put it there by hand.
    package let hasStray: Bool

    init(_ session: Session, _ facts: UserFacts, _ options: StoreOptions) {
        let timers = facts.timers[session.id] ?? UserFacts.Timers()
        let isOnline = session.status == .online
        self.session = session
        link = timers.link
        hasStray = (isOnline ? timers.pushLeftMs : timers.leaseLeftMs) != nil
        timer = Self.timer(
            left: isOnline ? timers.leaseLeftMs : timers.pushLeftMs, of: session, facts,
            graceMs: isOnline ? options.platforms[session.id.platform].heartbeat.graceMs : 0, gapMs: options.outageGapMs
        )
    }

    private static func timer(
        left: Int?, of session: Session, _ facts: UserFacts, graceMs: Int, gapMs: Int
    ) -> Timer {
        let now = facts.nowMs
        if let left { return left == UserFacts.Timers.noEnd ? .endless : .runs(endsAtMs: now + left) }
        // As silence.lua has it.
        if let began = facts.shard.graceBeganMs, began <= now, now < began + graceMs,
            session.loginAtMs <= began || session.loginAtMs > now
        {
            return .grace(untilMs: began + graceMs)
        }
        guard let swept = facts.shard.sweptAtMs, now - swept <= gapMs else { return .unswept }
        return .due
    }
}

/// A session that is over, and how it ended.
package struct EndedSession: Sendable, Equatable {
    package enum How: Sendable, Equatable {
        /// By this login, which the policy or the instance limit did not allow beside it, or which is of the same device.
        case displaced(by: SessionID)
        /// By an operator or the backend.
        case kicked(reason: String?)
        case loggedOut
        /// Its connection was closed.
        case closed
        /// Its heartbeats stayed away; settled so many milliseconds after its timer ended at most, where that is known.
        case silent(lateMs: Int?)
        /// Nobody logged in while it was PushOnline.
        case expired(lateMs: Int?)
    }

    package let session: SessionID
    package let how: How
    /// When it was logged in, and when it ended; nil where that is not kept (any more).
    package let loginAtMs: Int?
    package let endedAtMs: Int?

    static func all(_ facts: UserFacts, _ changes: [StatusChange]) -> [EndedSession] {
        var logins: [SessionID: Int] = [:]
        for change in changes where change.action == .login { logins[change.session] = change.atMs }
        for ended in facts.ended { logins[ended.session] = ended.loginAtMs }
        var all: [SessionID: EndedSession] = [:]
        func add(_ session: SessionID, _ how: How, _ endedAtMs: Int?) {
            guard !facts.presence.sessions.contains(where: { $0.id == session }) else { return }
            all[session] = EndedSession(
                session: session, how: how, loginAtMs: logins[session], endedAtMs: endedAtMs)
        }
        for change in changes {
            for session in change.kicked { add(session, .displaced(by: change.session), change.atMs) }
            if change.status == .offline, let how = How(change) { add(change.session, how, change.atMs) }
        }
        for ended in facts.ended where all[ended.session] == nil {
            guard let by = ended.by else { continue }
            if by.isEmpty {
                add(ended.session, .kicked(reason: nil), nil)
            } else if let session = try? SessionID(by) {
                add(ended.session, .displaced(by: session), logins[session])
            }
        }
        return all.values.sorted {
            ($0.endedAtMs ?? 0, $0.session.description) < ($1.endedAtMs ?? 0, $1.session.description)
        }
    }
}

extension EndedSession.How {
    /// How a change that left its session Offline ended it; nil for a login.
    init?(_ change: StatusChange) {
        switch change.reason {
        case .register: return nil
        case .unregister: self = .loggedOut
        case .kicked: self = .kicked(reason: change.note)
        case .timeOut: self = .silent(lateMs: change.lateMs)
        case .linkClose: self = change.dueAtMs == nil ? .closed : .silent(lateMs: change.lateMs)
        case .expired: self = .expired(lateMs: change.lateMs)
        }
    }
}

extension StatusChange {
    /// How long after it was due a session that fell silent or expired was settled, at most; nil where that is not known.
    var lateMs: Int? { dueAtMs.map { max(0, atMs - $0) } }
}
