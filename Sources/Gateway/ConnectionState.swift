import NIOCore
import PresenceCore
import PresenceStore

/// What one client's connection does next. Events go in, actions come out; time is passed in.
///
/// From the upgrade on: it awaits a token where one is needed and not there yet, opens a session (login or resume),
/// is live, and closes. A session that was opened is disconnected when the connection ends, unless it ended in
/// another way, or the worker stops: then its lease lives on for the client to come back.
struct ConnectionState: Sendable {
    enum Action: Equatable {
        case send(ServerMessage)
        case ping
        case pong(ByteBuffer)
        /// Renew the session's lease.
        case beat(SessionID)
        /// Send a close frame; without a code, one without.
        case close(UInt16?, String)
        /// Close the transport.
        case drop
        case work(Work)
    }

    /// What takes time; there is never more than one under way.
    enum Work: Equatable {
        case open(token: String?)
        case logout(SessionID)
        case disconnect(SessionID)
    }

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
    }

    private struct Live {
        var session: SessionID
        var timing: HeartbeatTiming
        var heardAt: NIODeadline
        var isAsked = false

        /// When silence is to have a consequence.
        var deadline: NIODeadline { isAsked ? silentAt : askAt }
        var askAt: NIODeadline { heardAt + .milliseconds(Int64(timing.intervalMs + timing.timeoutMs) / 2) }
        var silentAt: NIODeadline { heardAt + .milliseconds(Int64(timing.timeoutMs)) }
    }

    private enum Phase {
        case ready(token: String?)
        case awaitingToken(until: NIODeadline)
        case opening(until: NIODeadline)
        case live(Live)
        /// The client's logout is under way.
        case leaving(Live)
        /// Our close frame is out.
        case closing(until: NIODeadline)
        case closed
    }

    private var phase: Phase
    /// nil for no pings.
    private let keepalive: TimeAmount?
    /// Since then nothing has passed, in neither direction.
    private var quietSince: NIODeadline
    /// What was heard of the session while it was being opened.
    private var earlyNotice: Notice.What?
    private var hasEarlyLogout = false
    private var isStopping = false
    /// The client was told to come back before its session was opened.
    private var isPutOff = false

    /// - Parameters:
    ///   - token: what the request brought along.
    ///   - isTokenNeeded: a client without one is waited for.
    ///   - keepalive: after so long without any traffic a ping is due, for the load balancers on the way. It tells them
    ///     that the connection is in use, and nothing of the client: a browser answers for a page that is frozen.
    init(token: String?, isTokenNeeded: Bool, keepalive: TimeAmount? = nil, now: NIODeadline) {
        self.keepalive = keepalive
        quietSince = now
        let isReady = token != nil || !isTokenNeeded
        phase = isReady ? .ready(token: token) : .awaitingToken(until: now + GatewayLimits.handshakeTimeout)
    }

    /// The socket can be used.
    mutating func start(now: NIODeadline) -> [Action] {
        guard case .ready(let token) = phase else { return [] }
        return open(token, now)
    }

    private mutating func open(_ token: String?, _ now: NIODeadline) -> [Action] {
        phase = .opening(until: now + GatewayLimits.openingTimeout)
        return [.work(.open(token: token))]
    }

    /// The client is not let in.
    mutating func refused(_ refusal: Refusal, now: NIODeadline) -> [Action] {
        let reason =
            switch refusal.code {
            case .restart: comeBackAfter(GatewayLimits.comeBackMsMax)
            case .tryAgainLater: comeBackAfter(GatewayLimits.overloadedComeBackMsMax)
            default: refusal.detail
            }
        return [.send(.error(refusal.error, detail: refusal.detail, field: refusal.field))]
            + close(refusal.code, reason, now)
    }

    private var isEnding: Bool {
        switch phase {
        case .closing, .closed: true
        default: false
        }
    }

    /// The client's logout waits for its answer.
    private var isLeaving: Bool {
        switch phase {
        case .leaving: true
        case .opening: hasEarlyLogout
        default: false
        }
    }

    /// The session, while it is served.
    var session: SessionID? {
        switch phase {
        case .live(let live), .leaving(let live): live.session
        default: nil
        }
    }

    /// The client waits for its welcome.
    var isOpening: Bool { if case .opening = phase { true } else { false } }

    /// When `tick` is due.
    var deadline: NIODeadline? {
        switch phase {
        case .awaitingToken(let until), .opening(let until), .closing(let until): until
        case .live(let live): keepalive.map { min(live.deadline, quietSince + $0) } ?? live.deadline
        case .ready, .leaving, .closed: nil
        }
    }
}

// What the client does.
extension ConnectionState {
    /// A frame came or went.
    mutating func passed(now: NIODeadline) { quietSince = now }

    mutating func received(_ event: MessageAssembler.Event, now: NIODeadline) -> [Action] {
        switch (phase, event) {
        case (.closing, .close): return [.drop]
        case (.closing, _), (.closed, _): return []
        case (_, .close(let code)): return [.close(code, "")] + end(now) + [.drop]
        case (_, .violation(let code, let reason)): return close(code, reason, now)
        case (_, .ping(let data)): return [.pong(data)] + beat(now)
        case (_, .message(let text)):
            do { return received(try ClientMessage(text), now) } catch { return refused(error, now: now) }
        }
    }

    private mutating func received(_ message: ClientMessage, _ now: NIODeadline) -> [Action] {
        switch (phase, message) {
        case (.awaitingToken, .token(let token)): return open(token, now)
        case (.awaitingToken, _):
            return refuse(.unauthorized, .unauthorized, "the first message must be the token", now)
        case (_, .heartbeat): return beat(now)
        case (.live(let live), .logout):
            phase = .leaving(live)
            return [.work(.logout(live.session))]
        case (.opening, .logout):
            hasEarlyLogout = true
            return []
        case (_, .unknown):
            return [.send(.error(.unknownType, detail: "this version does not know the message's type and ignores it"))]
        default: return []
        }
    }

    private mutating func beat(_ now: NIODeadline) -> [Action] {
        guard case .live(var live) = phase else { return [] }
        live.heardAt = now
        live.isAsked = false
        phase = .live(live)
        return [.beat(live.session)]
    }

    mutating func sentTooMuch(now: NIODeadline) -> [Action] {
        if isEnding { return [] }
        return refuse(.rateLimited, .rateLimited, "too many messages: send fewer", now)
    }

    /// What waits for the client is over the cap, so it cannot even be told.
    mutating func readTooLittle(now: NIODeadline) -> [Action] {
        isEnding ? [.drop] : end(now) + [.drop]
    }

    mutating func connectionLost(now: NIODeadline) -> [Action] {
        let actions = isEnding ? [] : end(now)
        phase = .closed
        return actions
    }
}

// What became of the work.
extension ConnectionState {
    mutating func opened(_ opening: Opening, now: NIODeadline) -> [Action] {
        guard case .opening = phase else {
            guard let session = opening.session else { return [] }
            // Its client is gone for good.
            if hasEarlyLogout { return [.work(.logout(session))] }
            // A session that goes on is left to the client that was told to come back.
            if case .accepted(_, _, _, resumed: true) = opening, isPutOff { return [] }
            return isStopping ? [] : [.work(.disconnect(session))]
        }
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

    mutating func loggedOut(_ session: SessionID, isRecorded: Bool, now: NIODeadline) -> [Action] {
        guard case .leaving(let live) = phase else {
            return isRecorded || isStopping ? [] : [.work(.disconnect(session))]
        }
        if isRecorded { return [.send(.logout)] + close(.normal, "", now) }
        phase = .live(live)
        let failure = Action.send(.error(.redisUnavailable, detail: "the logout is not recorded: send it again"))
        return isStopping ? [failure] + stop(now: now) : [failure]
    }

    func acknowledged() -> [Action] {
        if case .live = phase { [.send(.heartbeat)] } else { [] }
    }

    /// Redis could not be asked.
    func unrecorded() -> [Action] {
        if case .live = phase { [.send(.unrecorded)] } else { [] }
    }
}

// What became of the session, and of time.
extension ConnectionState {
    mutating func told(_ what: Notice.What, now: NIODeadline) -> [Action] {
        switch (phase, what) {
        case (.opening, _):
            earlyNotice = earlyNotice ?? what
            return []
        case (.live, .displaced(let session)): return kicked(by: session, note: nil, now)
        case (.live, .kicked(let note)): return kicked(by: nil, note: note, now)
        case (.live, .loggedOut): return [.send(.logout)] + close(.normal, "", sessionEnded: true, now)
        case (.live, .moved): return moved(now)
        case (.live, .gone): return gone(now: now)
        default: return []
        }
    }

    private mutating func moved(_ now: NIODeadline) -> [Action] {
        close(.moved, "the session goes on in another connection", sessionEnded: true, now)
    }

    /// The session is not there any more, for a reason that was not told.
    mutating func gone(now: NIODeadline) -> [Action] {
        guard case .live = phase else { return [] }
        return close(.sessionGone, "the session has ended: come back with it", sessionEnded: true, now)
    }

    /// The worker stops: the lease is left to live. A client that logs out gets its answer first.
    mutating func stop(now: NIODeadline) -> [Action] {
        isStopping = true
        return isEnding || isLeaving ? [] : close(.restart, comeBackAfter(GatewayLimits.comeBackMsMax), now)
    }

    mutating func tick(now: NIODeadline) -> [Action] {
        guard let deadline, deadline <= now else { return [] }
        switch phase {
        case .awaitingToken: return close(.handshakeTimeout, "no token came in time", now)
        case .opening:
            isPutOff = true
            return refused(.openingTooSlow, now: now)
        case .closing: return [.drop]
        case .live(let live) where live.silentAt <= now:
            return close(.silent, "no heartbeat came in time", sessionEnded: true, now)
        case .live(let live) where now < live.deadline: return [.ping]
        case .live(var live):
            live.isAsked = true
            phase = .live(live)
            return [.send(.heartbeatWanted)]
        case .ready, .leaving, .closed: return []
        }
    }

    private mutating func kicked(by session: SessionID?, note: String?, _ now: NIODeadline) -> [Action] {
        [.send(.kicked(by: session, note: note))] + close(.kicked, "forced offline", sessionEnded: true, now)
    }

    private mutating func refuse(
        _ error: ServerMessage.ErrorCode, _ code: CloseCode, _ detail: String, _ now: NIODeadline
    ) -> [Action] {
        [.send(.error(error, detail: detail))] + close(code, detail, now)
    }

    private mutating func close(
        _ code: CloseCode, _ reason: String, sessionEnded: Bool = false, _ now: NIODeadline
    ) -> [Action] {
        [.close(code.rawValue, reason)] + end(sessionEnded: sessionEnded, now)
    }

    private mutating func end(sessionEnded: Bool = false, _ now: NIODeadline) -> [Action] {
        defer { phase = .closing(until: now + GatewayLimits.closeTimeout) }
        guard case .live(let live) = phase, !sessionEnded, !isStopping else { return [] }
        return [.work(.disconnect(live.session))]
    }

    private func comeBackAfter(_ most: Int) -> String { "retry-after-ms=\(Int.random(in: 0...most))" }
}

extension ConnectionState.Opening {
    /// What is to be disconnected if the client does not want it any more.
    fileprivate var session: SessionID? {
        switch self {
        case .accepted(let session, _, _, _), .uncertain(let session, _): session
        case .kicked, .refused, .late: nil
        }
    }
}
