import NIOCore
import PresenceProtocol

/// One client across all its connections. Decides everything and does nothing: every verb returns what is to be
/// done. Time is passed in.
struct ConnectionState {
    enum Action: Equatable {
        /// Get a token, then connect, resuming this session.
        case connect(session: String?)
        case send(ClientMessage)
        /// Ask for a sign of life that the service gives even while its Redis is away.
        case ping
        /// Give the connection up and report it closed, with this reason.
        case drop(reason: String)
        /// Tell the event; if it is final, close whatever is open.
        case tell(PresenceClient.Event)
        /// Whoever called `logout` gets this answer; nil: no session is left.
        case answerLogout(PresenceClientError?)
    }

    private enum Phase {
        case idle
        /// Until there is a token, then until the welcome.
        case connecting(until: NIODeadline)
        case online(Online)
        case waiting(until: NIODeadline)
        /// With why it is not known whether the session has ended; nil if none is left.
        case ended(PresenceClientError?)
    }

    private var phase = Phase.idle
    private var session: String?
    private var policy: ReconnectPolicy
    private let heartbeatInterval: Duration?
    /// What the service said was wrong, just before it closed.
    private var lastProblem: String?
    /// Somebody waits to be logged out until then.
    private var leaveBy: NIODeadline?

    /// - Parameter heartbeatInterval: instead of the one the service asks for.
    init(session: String? = nil, policy: ReconnectPolicy, heartbeatInterval: Duration? = nil) {
        self.session = session
        self.policy = policy
        self.heartbeatInterval = heartbeatInterval
    }

    /// Nothing will happen any more.
    var hasEnded: Bool { if case .ended = phase { true } else { false } }

    /// The session may go on in the next connection, if it does not in the last.
    var isComingBack: Bool {
        switch phase {
        case .connecting, .waiting: session != nil
        case .idle, .online, .ended: false
        }
    }
}

// Time.
extension ConnectionState {
    /// When `tick(now:)` has something to do.
    var nextDeadline: NIODeadline? {
        switch phase {
        case .idle, .ended: nil
        case .connecting(let until), .waiting(let until): min(until, leaveBy ?? .distantFuture)
        case .online(let online): min(online.nextDeadline, leaveBy ?? .distantFuture)
        }
    }

    mutating func tick(now: NIODeadline) -> [Action] {
        var actions: [Action] = []
        if let leaveBy, now >= leaveBy {
            self.leaveBy = nil
            actions.append(.answerLogout(.notRecorded))
        }
        switch phase {
        case .connecting(let until):
            if now >= until { actions.append(.drop(reason: "no welcome within \(ClientRules.welcomeWithin)")) }
        case .waiting(let until):
            if now >= until { actions += connect(now: now) }
        case .online(var online):
            actions += online.tick(now: now)
            phase = .online(online)
        case .idle, .ended: break
        }
        return actions
    }

    /// The network may be another than a moment ago: a pause is over, a connection has to show that it lives.
    mutating func hurry(now: NIODeadline) -> [Action] {
        switch phase {
        case .waiting:
            return connect(now: now)
        case .online(var online):
            defer { phase = .online(online) }
            return online.ask(now: now)
        case .idle, .connecting, .ended:
            return []
        }
    }
}

// The way in.
extension ConnectionState {
    mutating func start(now: NIODeadline) -> [Action] {
        switch phase {
        case .idle: connect(now: now)
        case .connecting, .online, .waiting, .ended: []
        }
    }

    private mutating func connect(now: NIODeadline) -> [Action] {
        phase = .connecting(until: now + TimeAmount(ClientRules.welcomeWithin))
        return [.connect(session: session)]
    }

    /// The token is there, or none is needed: the way in has its whole time.
    mutating func opens(now: NIODeadline) {
        switch phase {
        case .connecting: phase = .connecting(until: now + TimeAmount(ClientRules.welcomeWithin))
        case .idle, .online, .waiting, .ended: break
        }
    }

    private mutating func welcomed(_ welcome: ServerMessage.Welcome, now: NIODeadline) -> [Action] {
        session = welcome.session
        phase = .online(Online(welcome, interval: heartbeatInterval, now: now))
        let connected = Action.tell(.connected(session: welcome.session, resumed: welcome.isResumed))
        return leaveBy == nil ? [connected] : [connected, .send(.logout)]
    }
}

// What the service says.
extension ConnectionState {
    /// - Parameter message: nil for a frame that says no more than that the service lives.
    mutating func received(_ message: ServerMessage?, now: NIODeadline) -> [Action] {
        switch phase {
        case .connecting:
            if case .welcome(let welcome) = message { return welcomed(welcome, now: now) }
            return received(message)
        case .online(var online):
            online.heard(now: now)
            defer { if case .online = phase { phase = .online(online) } }
            switch message {
            case .heartbeatWanted: return [online.beat(now: now)]
            case .heartbeat: return online.acknowledged(now: now).map { [.tell(.heartbeat(latency: $0))] } ?? []
            case .error(let problem) where problem.code == .redisUnavailable && leaveBy != nil:
                leaveBy = nil
                return [.answerLogout(.unavailable(problem.detail))]
            case .welcome, .kicked, .logout, .error, .unrecorded, .unknown, nil: return received(message)
            }
        case .idle, .waiting, .ended: return []
        }
    }

    /// What means the same before and after the welcome.
    private mutating func received(_ message: ServerMessage?) -> [Action] {
        switch message {
        case .kicked(.session(let platform, let instance)):
            return end(.kicked(by: .session(platform: platform, instance: instance)), nil)
        case .kicked(.operator(let reason)): return end(.kicked(by: .operator(reason: reason)), nil)
        case .logout: return end(.loggedOut, nil)
        case .error(let problem):
            lastProblem = problem.detail
            return []
        case .welcome, .heartbeat, .heartbeatWanted, .unrecorded, .unknown, nil: return []
        }
    }
}

// The end of a connection, and of the client.
extension ConnectionState {
    /// The connection is closed, or could not be made.
    /// - Parameter part: where between its bounds the pause before the next one lies, 0 to 1.
    mutating func closed(
        _ code: UInt16, reason: String, now: NIODeadline, part: Double = .random(in: 0...1)
    ) -> [Action] {
        switch phase {
        case .idle, .waiting, .ended: return []
        case .connecting: break
        case .online(let online): if now - online.since >= TimeAmount(policy.pauseMax) { policy.reset() }
        }
        let explanation = lastProblem ?? reason
        lastProblem = nil
        guard let pause = policy.pause(after: code, reason: reason, part: part) else {
            let isOver = session == nil || code == CloseCode.normal.rawValue || code == CloseCode.kicked.rawValue
            return end(.refused(code: code, message: explanation), isOver ? nil : .refused(explanation))
        }
        if leaveBy != nil, session == nil { return end(.loggedOut, nil) }
        phase = .waiting(until: now + TimeAmount(pause))
        return [.tell(.disconnected(code: code, reason: explanation, retryIn: pause))]
    }

    /// A client that is offline comes back at once to log out, if it has a session.
    mutating func logout(now: NIODeadline) -> [Action] {
        if case .ended(let error) = phase { return [.answerLogout(error)] }
        if leaveBy != nil { return [] }
        leaveBy = now + TimeAmount(ClientRules.logoutWithin)
        switch phase {
        case .online: return [.send(.logout)]
        // At the welcome.
        case .connecting: return []
        // Opening a session just to end it would displace another device.
        case .idle, .waiting: return session == nil ? end(.loggedOut, nil) : connect(now: now)
        case .ended: return []
        }
    }

    mutating func close() -> [Action] {
        hasEnded ? [] : end(.closed, session == nil ? nil : .closed)
    }

    /// - Parameter error: why it is not known whether the session has ended; nil if none is left.
    private mutating func end(_ event: PresenceClient.Event, _ error: PresenceClientError?) -> [Action] {
        let isLeaving = leaveBy != nil
        leaveBy = nil
        phase = .ended(error)
        return (isLeaving ? [.answerLogout(error)] : []) + [.tell(event)]
    }
}
