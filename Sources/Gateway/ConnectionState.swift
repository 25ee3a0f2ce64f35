import NIOCore
import PresenceCore
import PresenceProtocol
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

    enum Phase {
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

    var phase: Phase
    /// nil for no pings.
    private let keepalive: TimeAmount?
    /// Since then nothing has passed, in neither direction.
    private var quietSince: NIODeadline
    /// What was heard of the session while it was being opened.
    var earlyNotice: Notice.What?
    var hasEarlyLogout = false
    var isStopping = false
    /// The client was told to come back before its session was opened.
    var isPutOff = false

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

    /// The session, while it is served.
    var session: SessionID? {
        switch phase {
        case .live(let live), .leaving(let live): live.session
        case .ready, .awaitingToken, .opening, .closing, .closed: nil
        }
    }
}

// Time.
extension ConnectionState {
    /// When `tick` is due.
    var deadline: NIODeadline? {
        switch phase {
        case .awaitingToken(let until), .opening(let until), .closing(let until): until
        case .live(let live): keepalive.map { min(live.deadline, quietSince + $0) } ?? live.deadline
        case .ready, .leaving, .closed: nil
        }
    }

    /// A frame came or went.
    mutating func passed(now: NIODeadline) { quietSince = now }

    mutating func tick(now: NIODeadline) -> [Action] {
        guard let deadline, deadline <= now else { return [] }
        switch phase {
        case .awaitingToken: return close(.handshakeTimeout, "no token came in time", now)
        case .opening:
            isPutOff = true
            return refused(.openingTooSlow, now: now)
        case .live(let live): return tick(live, now)
        case .closing:
            phase = .closed
            return [.drop]
        case .ready, .leaving, .closed: return []
        }
    }
}

// What the client does.
extension ConnectionState {
    mutating func received(_ event: MessageAssembler.Event, now: NIODeadline) -> [Action] {
        switch phase {
        case .closing: return if case .close = event { [.drop] } else { [] }
        case .closed: return []
        case .ready, .awaitingToken, .opening, .live, .leaving: break
        }
        switch event {
        case .close(let code): return [.close(code, "")] + end(now) + [.drop]
        case .violation(let code, let reason): return close(code, reason, now)
        case .ping(let data): return [.pong(data)] + beat(now)
        case .message(let text):
            do { return received(try ClientMessage(text), now) } catch { return refused(Refusal(error), now: now) }
        }
    }

    private mutating func received(_ message: ClientMessage, _ now: NIODeadline) -> [Action] {
        switch phase {
        case .awaitingToken:
            guard case .token(let token) = message else {
                return refuse(.unauthorized, .unauthorized, "the first message must be the token", now)
            }
            return open(token, now)
        case .ready, .opening, .live, .leaving, .closing, .closed: break
        }
        switch message {
        case .heartbeat: return beat(now)
        case .logout: return logout()
        // It was there already, or is not asked for.
        case .token: return []
        case .unknown:
            return [.send(.error(.unknownType, detail: "this version does not know the message's type and ignores it"))]
        }
    }

    private mutating func logout() -> [Action] {
        switch phase {
        case .opening:
            hasEarlyLogout = true
            return []
        case .live(let live):
            phase = .leaving(live)
            return [.work(.logout(live.session))]
        case .ready, .awaitingToken, .leaving, .closing, .closed: return []
        }
    }

    mutating func sentTooMuch(now: NIODeadline) -> [Action] {
        isEnding ? [] : refuse(.rateLimited, .rateLimited, "too many messages: send fewer", now)
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
