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
    private(set) var sessions: [String: Held] = [:]
    private(set) var version = 0
    /// The last millisecond of the record of a user without sessions.
    private(set) var recordEndsMs: Int?
    private(set) var ended: [Generation: Ended] = [:]
    private(set) var done: [OperationID: Done] = [:]
    private var revoked: (atMs: Int, endsMs: Int)?
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

    // MARK: What clients and backends do

    struct Login {
        var id: SessionID
        var worker: String
        var link: Link?
        var attempt: Attempt?
        var mayDisplace = true
        var userSigIssuedAtMs: Int?
    }

    enum LoginOutcome: Equatable {
        case accepted(version: Int, status: Status, kicked: [SessionID])
        case rejected([SessionID])
        case revoked, late, full
    }

    /// - Parameter isFull: too many changes of the shard wait for the receiver.
    mutating func login(_ login: Login, isFull: Bool, nowMs: Int) -> LoginOutcome {
        let (device, generation) = (login.id.device, login.id.generation)
        let own = sessions[device]
        let before = own?.id == login.id ? own?.loginMs : remembered(generation, nowMs)?.loginMs
        if let before {
            let answer = done[OperationID(generation)].flatMap { $0.untilMs > nowMs ? $0 : nil }
            return .accepted(
                version: answer?.version ?? before, status: answer?.status ?? .online, kicked: answer?.sessions ?? [])
        }
        if let issued = login.userSigIssuedAtMs, let revoked, issued <= revoked.atMs { return .revoked }
        if isLate(login.attempt, on: device, nowMs) { return .late }
        let rule = rules.options.limits.rule(for: login.id.platform, in: rules.table)
        var kicked = displaced(by: device, rule)
        let displaced = kicked
        let onLimit = login.mayDisplace ? rule.onLimit : .reject
        if !login.mayDisplace, let own, own.status == .online, own.attempt?.client != login.attempt?.client {
            kicked.append(own.id)
        }
        if onLimit == .reject, !kicked.isEmpty { return .rejected(kicked) }
        if isFull { return .full }

        let previous = grow(nowMs)
        for id in displaced + (own?.status == .online ? [device].compactMap { sessions[$0]?.id } : []) {
            remember(id, by: login.id.description, nowMs)
            if id.device != device { sessions[id.device] = nil }
        }
        sessions[device] = Held(
            id: login.id, status: .online, loginMs: version, changedMs: version,
            timerEndsMs: nowMs + rules.timeoutMs(login.id.platform), worker: login.worker, link: login.link,
            attempt: login.attempt)
        record(.login, .register, login.id, .online, previous: previous, nowMs, kicked: displaced)
        if !displaced.isEmpty {
            forgetPast(nowMs)
            done[OperationID(generation)] = Done(
                untilMs: nowMs + rules.options.doneMs, version: version, status: .online, sessions: displaced)
        }
        recordEndsMs = nil
        return .accepted(version: version, status: status, kicked: displaced)
    }

    private func displaced(by device: String, _ rule: LoginRule) -> [SessionID] {
        let held = sessions.values.map {
            Session(
                id: $0.id, status: $0.status, loginAtMs: $0.loginMs, changedAtMs: $0.changedMs, details: .unknown,
                worker: $0.worker)
        }
        return rule.displaced(byLoginOf: device, among: held).sorted { $0.isOlderLogin(than: $1) }.map(\.id)
    }

    /// Whether the session goes on.
    mutating func heartbeat(_ id: SessionID, nowMs: Int) -> Bool {
        guard held(id)?.status == .online else { return false }
        sessions[id.device]?.timerEndsMs = nowMs + rules.timeoutMs(id.platform)
        return true
    }

    enum ResumeOutcome: Equatable {
        case resumed(version: Int)
        case ended(by: String)
        case gone, revoked, late
    }

    mutating func resume(
        _ id: SessionID, worker: String, link: Link, attempt: Attempt?, userSigIssuedAtMs: Int?, nowMs: Int
    ) -> ResumeOutcome {
        if let issued = userSigIssuedAtMs, let revoked, issued <= revoked.atMs { return .revoked }
        if isLate(attempt, on: id.device, nowMs) { return .late }
        guard let held = held(id) else {
            guard let by = remembered(id.generation, nowMs)?.by else { return .gone }
            return .ended(by: sessions.values.contains { $0.id.description == by } ? by : "")
        }
        guard held.status == .online else { return .gone }
        sessions[id.device]?.timerEndsMs = nowMs + rules.timeoutMs(id.platform)
        sessions[id.device]?.worker = worker
        sessions[id.device]?.link = link
        sessions[id.device]?.attempt = attempt
        return .resumed(version: version)
    }

    /// How a disconnect or logout leaves the session.
    struct Ending: Equatable {
        var status: Status
        var userStatus: Status
        var version: Int
        var superseded: Bool
    }

    struct Kick: Equatable {
        var userStatus: Status
        var version: Int
        var kicked: [SessionID]
    }

    /// - Parameter socket: the worker and link of the connection that closed; nil for one the service does not hold.
    mutating func disconnect(_ id: SessionID, socket: (worker: String, link: Link)?, nowMs: Int) -> Ending {
        guard let held = held(id) else { return absent(id) }
        if let socket, held.worker != socket.worker || held.link != socket.link {
            return Ending(status: held.status, userStatus: status, version: version, superseded: true)
        }
        guard held.status == .online else {
            return Ending(status: held.status, userStatus: status, version: version, superseded: false)
        }
        let after = lose(held, .linkClose, note: nil, nowMs)
        if after == .offline { remember(held, by: nil, nowMs) }
        return Ending(status: after, userStatus: status, version: version, superseded: false)
    }

    mutating func logout(_ id: SessionID, nowMs: Int) -> Ending {
        guard let held = held(id) else { return absent(id) }
        remember(held, by: nil, nowMs)
        end(held, .unregister, note: nil, nowMs)
        return Ending(status: .offline, userStatus: status, version: version, superseded: false)
    }

    private func absent(_ id: SessionID) -> Ending {
        Ending(
            status: .offline, userStatus: status, version: version, superseded: sessions[id.device] != nil)
    }

    mutating func kick(
        _ operation: OperationID, platform: Platform?, instance: InstanceID?, note: String?, revoking: Bool, nowMs: Int
    ) -> Kick {
        if let answer = done[operation], answer.untilMs > nowMs {
            return Kick(userStatus: answer.status, version: answer.version, kicked: answer.sessions)
        }
        let kicked = sessions.values.filter {
            (platform == nil || $0.id.platform == platform) && (instance == nil || $0.id.instance == instance)
        }.sorted { $0.id.device.utf8.lexicographicallyPrecedes($1.id.device.utf8) }
        if revoking { revoked = (nowMs, nowMs + rules.options.userSigAgeMaxMs) }
        for held in kicked {
            remember(held, by: "", nowMs)
            end(held, .kicked, note: note, nowMs)
        }
        forgetPast(nowMs)
        done[operation] = Done(
            untilMs: nowMs + rules.options.doneMs, version: version, status: status, sessions: kicked.map(\.id))
        return Kick(userStatus: status, version: version, kicked: kicked.map(\.id))
    }

    // MARK: What silence does

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

    // MARK: Changes

    /// - Returns: the version before.
    private mutating func grow(_ nowMs: Int) -> Int {
        let previous = version
        version = max(version + 1, nowMs)
        return previous
    }

    private mutating func lose(_ held: Held, _ reason: Reason, note: String?, _ nowMs: Int) -> Status {
        let (previous, pushMs) = (grow(nowMs), rules.pushMs(held.id.platform))
        if pushMs > 0 {
            sessions[held.id.device]?.status = .pushOnline
            sessions[held.id.device]?.changedMs = version
            sessions[held.id.device]?.timerEndsMs = nowMs + pushMs
        } else {
            sessions[held.id.device] = nil
        }
        let after: Status = pushMs > 0 ? .pushOnline : .offline
        record(.disconnect, reason, held.id, after, previous: previous, nowMs, note: note)
        return after
    }

    private mutating func end(_ held: Held, _ reason: Reason, note: String?, _ nowMs: Int) {
        let previous = grow(nowMs)
        sessions[held.id.device] = nil
        record(.logout, reason, held.id, .offline, previous: previous, nowMs, note: note)
    }

    private mutating func record(
        _ action: Action, _ reason: Reason, _ id: SessionID, _ status: Status, previous: Int, _ nowMs: Int,
        kicked: [SessionID] = [], note: String? = nil
    ) {
        if sessions.isEmpty { recordEndsMs = nowMs + rules.options.offlineRetentionMs }
        fresh.append(
            StatusChange(
                id: "\(id.generation)-\(version)", user: user, version: version, previous: previous, atMs: nowMs,
                action: action, reason: reason, session: id, status: status, userStatus: self.status, kicked: kicked,
                note: note))
    }

    // MARK: What is remembered

    private func remembered(_ generation: Generation, _ nowMs: Int) -> Ended? {
        ended[generation].flatMap { $0.untilMs > nowMs ? $0 : nil }
    }

    private mutating func remember(_ id: SessionID, by: String?, _ nowMs: Int) {
        if let held = held(id) { remember(held, by: by, nowMs) }
    }

    private mutating func remember(_ held: Held, by: String?, _ nowMs: Int) {
        guard by != nil || held.attempt != nil else { return }
        forgetPast(nowMs)
        ended[held.id.generation] = Ended(
            untilMs: nowMs + rules.options.endedMs, loginMs: held.loginMs, device: held.id.device, by: by,
            attempt: held.attempt)
    }

    private mutating func forgetPast(_ nowMs: Int) {
        ended = ended.filter { $0.value.untilMs > nowMs }
        done = done.filter { $0.value.untilMs > nowMs }
    }

    private func isLate(_ attempt: Attempt?, on device: String, _ nowMs: Int) -> Bool {
        guard let attempt else { return false }
        let others = [sessions[device]?.attempt] + ended.values.filter { $0.untilMs > nowMs }.map(\.attempt)
        return others.contains { $0?.client == attempt.client && $0?.number ?? 0 > attempt.number }
    }
}

extension Attempt {
    var client: Substring { description.prefix { $0 != "." } }
    var number: Int { Int(description.drop { $0 != "." }.dropFirst()) ?? 0 }
}

extension UserModel.Ending {
    init(_ answer: SessionAnswer) {
        self.init(
            status: answer.status, userStatus: answer.userStatus, version: answer.version,
            superseded: answer.superseded)
    }
}

extension UserModel.Kick {
    init(_ answer: KickAnswer) {
        self.init(userStatus: answer.userStatus, version: answer.version, kicked: answer.kicked)
    }
}
