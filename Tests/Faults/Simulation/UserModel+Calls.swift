import PresenceCore
import PresenceStore

/// What clients and backends do.
extension UserModel {
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
