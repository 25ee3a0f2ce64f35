import NIOCore
import PresenceCore
import PresenceProtocol

// The end of the connection from our side.
extension ConnectionState {
    /// The client is not let in.
    mutating func refused(_ refusal: Refusal, now: NIODeadline) -> [Action] {
        let reason =
            switch refusal.code {
            case .restart: comeBackAfter(GatewayLimits.comeBackMsMax)
            case .tryAgainLater: comeBackAfter(GatewayLimits.overloadedComeBackMsMax)
            case .normal, .protocolError, .unsupportedData, .invalidUTF8, .tooBig: refusal.detail
            case .kicked, .unauthorized, .invalidRequest, .loginRejected, .moved, .originNotAllowed: refusal.detail
            case .sessionGone, .silent, .handshakeTimeout, .rateLimited, .tooManyConnections: refusal.detail
            }
        return [.send(.error(refusal.error, detail: refusal.detail, field: refusal.field))]
            + close(refusal.code, reason, now)
    }

    mutating func refuse(
        _ error: ServerMessage.ErrorCode, _ code: CloseCode, _ detail: String, _ now: NIODeadline
    ) -> [Action] {
        [.send(.error(error, detail: detail))] + close(code, detail, now)
    }

    mutating func kicked(by session: SessionID?, note: String?, _ now: NIODeadline) -> [Action] {
        [.send(.kicked(by: session, note: note))] + close(.kicked, "forced offline", sessionEnded: true, now)
    }

    mutating func moved(_ now: NIODeadline) -> [Action] {
        close(.moved, "the session goes on in another connection", sessionEnded: true, now)
    }

    /// The worker stops: the lease is left to live. A client that logs out gets its answer first.
    mutating func stop(now: NIODeadline) -> [Action] {
        isStopping = true
        return isEnding || isLeaving ? [] : close(.restart, comeBackAfter(GatewayLimits.comeBackMsMax), now)
    }

    var isEnding: Bool {
        switch phase {
        case .closing, .closed: true
        case .ready, .awaitingToken, .opening, .live, .leaving: false
        }
    }

    /// The client's logout waits for its answer.
    private var isLeaving: Bool {
        switch phase {
        case .leaving: true
        case .opening: hasEarlyLogout
        case .ready, .awaitingToken, .live, .closing, .closed: false
        }
    }

    mutating func close(
        _ code: CloseCode, _ reason: String, sessionEnded: Bool = false, _ now: NIODeadline
    ) -> [Action] {
        [.close(code.rawValue, reason)] + end(sessionEnded: sessionEnded, now)
    }

    mutating func end(sessionEnded: Bool = false, _ now: NIODeadline) -> [Action] {
        defer { phase = .closing(until: now + GatewayLimits.closeTimeout) }
        switch phase {
        case .live(let live): return sessionEnded || isStopping ? [] : [.work(.disconnect(live.session))]
        // A logout under way ends the session by itself, opening disconnects what it opens.
        case .ready, .awaitingToken, .opening, .leaving, .closing, .closed: return []
        }
    }

    private func comeBackAfter(_ most: Int) -> String { ComeBack.reason(afterMs: .random(in: 0...most)) }
}
