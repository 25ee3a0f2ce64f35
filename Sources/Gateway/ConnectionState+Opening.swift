import NIOCore
import PresenceCore
import PresenceProtocol
import PresenceStore

// Until the welcome.
extension ConnectionState {
    /// How opening ended.
    enum Opening: Equatable {
        case accepted(SessionID, version: Int, HeartbeatTiming, resumed: Bool)
        /// The session the client came back for was ended, or stays ended, for another one.
        case kicked(by: SessionID?)
        case refused(Refusal)
        /// Redis cannot be asked; whether this new session was opened is unknown.
        case uncertain(SessionID, Refusal)
        /// A later attempt of the client was here first.
        case late

        /// What is to be disconnected if the client does not want it any more.
        fileprivate var session: SessionID? {
            switch self {
            case .accepted(let session, _, _, _), .uncertain(let session, _): session
            case .kicked, .refused, .late: nil
            }
        }
    }

    /// The client waits for its welcome.
    var isOpening: Bool { if case .opening = phase { true } else { false } }

    /// The socket can be used.
    mutating func start(now: NIODeadline) -> [Action] {
        switch phase {
        case .ready(let token): open(token, now)
        case .awaitingToken, .opening, .live, .leaving, .closing, .closed: []
        }
    }

    mutating func open(_ token: String?, _ now: NIODeadline) -> [Action] {
        phase = .opening(until: now + GatewayLimits.openingTimeout)
        return [.work(.open(token: token))]
    }

    mutating func opened(_ opening: Opening, now: NIODeadline) -> [Action] {
        guard isOpening else { return openedTooLate(opening) }
        switch opening {
        case .accepted(let session, let version, let timing, let resumed):
            let live = Live(session: session, timing: timing, heardAt: now)
            phase = .live(live)
            let welcome = Action.send(.welcome(session, version: version, timing, resumed: resumed))
            if let earlyNotice { return [welcome] + told(earlyNotice, now: now) }
            guard hasEarlyLogout else { return [welcome] }
            phase = .leaving(live)
            return [welcome, .work(.logout(session))]
        case .kicked(let session): return kicked(by: session, note: nil, now)
        case .refused(let refusal): return refused(refusal, now: now)
        case .uncertain(let session, let refusal):
            return [.work(.disconnect(session))] + refused(refusal, now: now)
        case .late: return moved(now)
        }
    }

    /// Its client is gone, or was put off.
    private func openedTooLate(_ opening: Opening) -> [Action] {
        guard let session = opening.session else { return [] }
        // Gone for good.
        if hasEarlyLogout { return [.work(.logout(session))] }
        // A session that goes on is left to the client that was told to come back.
        if case .accepted(_, _, _, resumed: true) = opening, isPutOff { return [] }
        return isStopping ? [] : [.work(.disconnect(session))]
    }
}
