import PresenceCore
import PresenceStore

/// What should become of a user, by the rules alone: no Redis, and no clock but the time that is passed in (Redis time in
/// milliseconds). The same calls as the store has; each says what its answer should be.
struct UserModel {
    struct Held: Equatable {
        var id: SessionID
        var status: Status
        var loginMs: Int
        var changedMs: Int
        /// The last millisecond of its timer; nil when that is gone.
        var timerEndsMs: Int?
        var worker: String
        var link: Link?
        var attempt: Attempt?
    }

    /// What is remembered of a session that is over, or of an operation that was answered.
    struct Ended {
        var untilMs: Int
        var loginMs: Int
        var device: String
        /// The session that displaced it; empty for a kick, nil where nobody ended it.
        var by: String?
        var attempt: Attempt?
    }

    struct Done: Equatable {
        var untilMs: Int
        var version: Int
        var status: Status
        var sessions: [SessionID]
    }

    let user: UserID
    let rules: Rules
    var sessions: [String: Held] = [:]
    var version = 0
    /// The last millisecond of the record of a user without sessions.
    var recordEndsMs: Int?
    var ended: [Generation: Ended] = [:]
    var done: [OperationID: Done] = [:]
    var revoked: (atMs: Int, endsMs: Int)?
    /// Changes committed since they were taken out last.
    var fresh: [StatusChange] = []

    /// What all users are held to.
    struct Rules: Sendable {
        var options: StoreOptions
        var table: PlatformTable { options.platforms }

        func pushMs(_ platform: Platform) -> Int { table[platform].hasPush ? options.pushRetentionMs : 0 }
        func timeoutMs(_ platform: Platform) -> Int { table[platform].heartbeat.timeoutMs }
    }

    init(_ user: UserID, _ rules: Rules) {
        self.user = user
        self.rules = rules
    }

    var status: Status { .ofUser(sessions.values.map(\.status)) }
    var byLogin: [Held] { sessions.values.sorted { $0.loginMs < $1.loginMs } }
    /// The first of its timers, where there is one.
    var earliestEndMs: Int? { sessions.values.map { $0.timerEndsMs ?? Int.min }.min() }

    func held(_ id: SessionID) -> Held? { sessions[id.device].flatMap { $0.id == id ? $0 : nil } }

    /// What has ended by now is gone for good, also should the clock be set back.
    mutating func pass(to nowMs: Int) {
        for (device, held) in sessions {
            if let ends = held.timerEndsMs, nowMs > ends { sessions[device]?.timerEndsMs = nil }
        }
        if let ends = recordEndsMs, nowMs > ends { (version, recordEndsMs) = (0, nil) }
        if let revoked, nowMs > revoked.endsMs { self.revoked = nil }
        let lastMs = max(ended.values.map(\.untilMs).max() ?? 0, done.values.map(\.untilMs).max() ?? 0)
        if nowMs > lastMs { (ended, done) = ([:], [:]) }
    }

    /// No two sessions exclude each other and no instance limit is exceeded.
    var keepsLimits: Bool {
        sessions.values.allSatisfy { session in
            let rule = rules.options.limits.rule(for: session.id.platform, in: rules.table)
            let sharing = sessions.values.count { rule.sharing.contains($0.id.platform) }
            return sharing <= rule.limit && !sessions.values.contains { rule.excluded.contains($0.id.platform) }
        }
    }
}

/// What silence does.
extension UserModel {
    /// Settles what the timers of these sessions, as they were read a while ago, have ended.
    /// - Parameter graceBeganMs: nil where there is no grace.
    /// - Returns: how many sessions ended or became PushOnline.
    mutating func settle(_ read: [SessionID], sinceMs: Int?, graceBeganMs: Int?, nowMs: Int) -> Int {
        let over = read.compactMap(held).filter { held in
            guard held.timerEndsMs == nil else { return false }
            guard held.status == .online, let began = graceBeganMs else { return true }
            let isSpared = held.loginMs <= began || held.loginMs > nowMs
            return !(isSpared && nowMs < began + rules.table[held.id.platform].heartbeat.graceMs)
        }
        for held in over {
            let note = sinceMs.map { String($0) }
            if held.status == .online {
                _ = lose(held, rules.table[held.id.platform].silenceReason, note: note, nowMs)
            } else {
                end(held, .expired, note: note, nowMs)
            }
        }
        return over.count
    }
}
