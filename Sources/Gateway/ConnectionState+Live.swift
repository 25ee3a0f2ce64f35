import NIOCore
import PresenceCore
import PresenceProtocol
import PresenceStore

// From the welcome on.
extension ConnectionState {
    struct Live {
        let session: SessionID
        let timing: HeartbeatTiming
        var heardAt: NIODeadline
        /// It was asked for a heartbeat and not heard since.
        var isAsked = false

        /// When silence is to have a consequence.
        var deadline: NIODeadline { isAsked ? silentAt : askAt }
        private var askAt: NIODeadline { heardAt + .milliseconds(Int64(timing.intervalMs + timing.timeoutMs) / 2) }
        var silentAt: NIODeadline { heardAt + .milliseconds(Int64(timing.timeoutMs)) }
    }

    mutating func beat(_ now: NIODeadline) -> [Action] {
        switch phase {
        case .live(var live):
            live.heardAt = now
            live.isAsked = false
            phase = .live(live)
            return [.beat(live.session)]
        case .ready, .awaitingToken, .opening, .leaving, .closing, .closed: return []
        }
    }

    /// Silence, or nothing that passes.
    mutating func tick(_ live: Live, _ now: NIODeadline) -> [Action] {
        if live.silentAt <= now { return close(.silent, "no heartbeat came in time", sessionEnded: true, now) }
        if now < live.deadline { return [.ping] }
        var asked = live
        asked.isAsked = true
        phase = .live(asked)
        return [.send(.heartbeatWanted)]
    }

    /// Redis has the heartbeat.
    func acknowledged() -> [Action] { isLive ? [.send(.heartbeat)] : [] }

    /// Redis could not be asked.
    func unrecorded() -> [Action] { isLive ? [.send(.unrecorded)] : [] }

    private var isLive: Bool { if case .live = phase { true } else { false } }

    /// A word about the session.
    mutating func told(_ what: Notice.What, now: NIODeadline) -> [Action] {
        switch phase {
        case .opening:
            earlyNotice = earlyNotice ?? what
            return []
        case .live: break
        // One that logs out is told by the answer to that.
        case .ready, .awaitingToken, .leaving, .closing, .closed: return []
        }
        switch what {
        case .displaced(let session): return kicked(by: session, note: nil, now)
        case .kicked(let note): return kicked(by: nil, note: note, now)
        case .loggedOut: return [.send(.logout)] + close(.normal, "", sessionEnded: true, now)
        case .moved: return moved(now)
        case .gone: return gone(now: now)
        }
    }

    /// The session is not there any more, for a reason that was not told.
    mutating func gone(now: NIODeadline) -> [Action] {
        isLive ? close(.sessionGone, "the session has ended: come back with it", sessionEnded: true, now) : []
    }

    mutating func loggedOut(_ session: SessionID, isRecorded: Bool, now: NIODeadline) -> [Action] {
        switch phase {
        case .leaving(let live):
            if isRecorded { return [.send(.logout)] + close(.normal, "", now) }
            phase = .live(live)
            let failure = Action.send(.error(.redisUnavailable, detail: "the logout is not recorded: send it again"))
            return isStopping ? [failure] + stop(now: now) : [failure]
        case .ready, .awaitingToken, .opening, .live, .closing, .closed:
            return isRecorded || isStopping ? [] : [.work(.disconnect(session))]
        }
    }
}
