import DequeModule
import NIOCore
import PresenceCore
import PresenceStore

/// A session whose socket is closed, which Redis is to be told.
struct SessionEnd: Equatable {
    var user: UserID
    var session: SessionID
    var link: Link
    /// From then on Redis has settled the session without it.
    var deadline: NIODeadline
}

/// The ends that Redis could not be told of. As long as there are any it is not to be asked by each of them: one of
/// them tries after a pause, and the others wait for its outcome.
struct UnrecordedEnds {
    private var waiting: Deque<SessionEnd> = []
    /// Redis did not answer the last time.
    private(set) var isOutage = false

    /// Redis does not answer. Beyond the limit the oldest are left to their leases.
    mutating func keep(_ end: SessionEnd) {
        isOutage = true
        if waiting.count == GatewayLimits.unrecordedPerLoopMax { waiting.removeFirst() }
        waiting.append(end)
    }

    /// The one that tries; nil if none is left to be told, and the next one is to find out.
    mutating func probe(now: NIODeadline) -> SessionEnd? {
        while let end = waiting.popFirst() {
            if now < end.deadline { return end }
        }
        isOutage = false
        return nil
    }

    /// Redis answers: all that waited are to be told.
    mutating func takeAll() -> Deque<SessionEnd> {
        defer { waiting = [] }
        isOutage = false
        return waiting
    }
}
