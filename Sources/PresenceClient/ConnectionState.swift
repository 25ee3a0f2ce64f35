import NIOCore

/// One client across all its connections. Decides everything and does nothing: every verb returns what is to be
/// done. Time is passed in.
struct ConnectionState {
    enum Action: Equatable {
        /// Connect, resuming this session.
        case connect(session: String?)
        case send(ClientMessage)
        /// Give the connection up and report it closed, with this reason.
        case drop(reason: String)
        /// Tell the event; if it is final, close whatever is open.
        case tell(PresenceClient.Event)
        /// Whoever called `logout` gets this answer; nil: it is recorded.
        case answerLogout(PresenceClientError?)
    }

    enum ClientMessage: Equatable {
        case heartbeat, logout
        /// Asks for a sign of life that the service gives even while its Redis is away.
        case ping
    }

    private enum Phase {
        case idle
        /// Until the welcome.
        case connecting(until: NIODeadline)
        case online(Online)
        case waiting(until: NIODeadline)
        case ended
    }

    private var phase = Phase.idle
    private var session: String?
    private var policy: ReconnectPolicy
    private let heartbeatInterval: Duration?
    /// What the service said was wrong, just before it closed.
    private var lastError: String?

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

    /// When `tick(now:)` has something to do.
    var nextDeadline: NIODeadline? {
        switch phase {
        case .idle, .ended: nil
        case .connecting(let until), .waiting(let until): until
        case .online(let online): online.nextDeadline
        }
    }

    mutating func start(now: NIODeadline) -> [Action] {
        guard case .idle = phase else { return [] }
        return connect(now: now)
    }

    /// The network may be another than a moment ago: a pause is over, a connection has to show that it lives.
    mutating func hurry(now: NIODeadline) -> [Action] {
        switch phase {
        case .waiting:
            return connect(now: now)
        case .online(var online):
            defer { phase = .online(online) }
            return online.hurry(now: now)
        case .idle, .connecting, .ended:
            return []
        }
    }

    mutating func tick(now: NIODeadline) -> [Action] {
        switch phase {
        case .connecting(let until) where now >= until:
            return [.drop(reason: "no welcome within \(ClientLimits.answerWithin)")]
        case .waiting(let until) where now >= until:
            return connect(now: now)
        case .online(var online):
            defer { phase = .online(online) }
            return online.tick(now: now)
        default:
            return []
        }
    }

    /// - Parameter message: nil for a frame that says no more than that the service lives.
    mutating func received(_ message: ServerMessage?, now: NIODeadline) -> [Action] {
        switch (phase, message) {
        case (.connecting, .welcome(let session, let resumed, let interval)):
            self.session = session
            phase = .online(Online(interval: TimeAmount(heartbeatInterval ?? interval), now: now))
            return [.tell(.connected(session: session, resumed: resumed))]
        case (.connecting, .kicked(let kicker)):
            return end(.kicked(by: kicker))
        case (.connecting, .error(_, let detail)):
            lastError = detail
            return []
        case (.online(var online), _):
            online.heard(now: now)
            phase = .online(online)
            return received(message, online, now: now)
        default:
            return []
        }
    }

    private mutating func received(_ message: ServerMessage?, _ online: Online, now: NIODeadline) -> [Action] {
        var online = online
        defer { if case .online = phase { phase = .online(online) } }
        switch message {
        case .heartbeat(wanted: true):
            return [online.beat(now: now)]
        case .heartbeat(wanted: false):
            return online.acknowledged(now: now).map { [.tell(.heartbeat(latency: $0))] } ?? []
        case .kicked(let kicker):
            return (online.isLeaving ? [.answerLogout(nil)] : []) + end(.kicked(by: kicker))
        case .logout:
            return [.answerLogout(nil)] + end(.loggedOut)
        case .error("redis-unavailable", let detail) where online.isLeaving:
            online.stay()
            return [.answerLogout(PresenceClientError(.unavailable, "\(detail) Log out again in a moment."))]
        case .error(_, let detail):
            lastError = detail
            return []
        case .welcome, .unrecorded, .unknown, nil:
            return []
        }
    }

    /// The connection is closed, or could not be made.
    /// - Parameter part: where between its bounds the pause before the next one lies, 0 to 1.
    mutating func closed(
        _ code: UInt16, reason: String, now: NIODeadline, part: Double = .random(in: 0...1)
    ) -> [Action] {
        var actions: [Action] = []
        switch phase {
        case .idle, .waiting, .ended: return []
        case .connecting: break
        case .online(let online):
            if online.isLeaving { actions.append(.answerLogout(.connectionLost)) }
            if now - online.since >= TimeAmount(policy.pauseMax) { policy.reset() }
        }
        let explanation = lastError ?? reason
        lastError = nil
        guard let pause = policy.pause(after: code, reason: reason, part: part) else {
            return actions + end(.refused(code: code, message: explanation))
        }
        phase = .waiting(until: now + TimeAmount(pause))
        return actions + [.tell(.disconnected(code: code, reason: explanation, retryIn: pause))]
    }

    mutating func logout(now: NIODeadline) -> [Action] {
        guard case .online(var online) = phase else { return [.answerLogout(.notConnected)] }
        guard !online.isLeaving else { return [] }
        online.leave(now: now)
        phase = .online(online)
        return [.send(.logout)]
    }

    mutating func close() -> [Action] {
        switch phase {
        case .ended: []
        case .online(let online) where online.isLeaving: [.answerLogout(.connectionLost)] + end(.closed)
        default: end(.closed)
        }
    }

    private mutating func connect(now: NIODeadline) -> [Action] {
        phase = .connecting(until: now + TimeAmount(ClientLimits.answerWithin))
        return [.connect(session: session)]
    }

    private mutating func end(_ event: PresenceClient.Event) -> [Action] {
        phase = .ended
        return [.tell(event)]
    }
}
