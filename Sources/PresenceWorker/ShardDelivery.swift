import PresenceCore
import PresenceStore

/// Delivery of one shard since it was taken over or last read anew.
package struct ShardDelivery {
    package let fence: Fence
    /// Tells it from an earlier one of the same shard, whose attempts may still end.
    package let serial: Int
    package internal(set) var window: DeliveryWindow
    package internal(set) var aside: AsideUsers
    /// What became of events set aside and is not written down yet.
    var finished: [FinishedAside] = []
    /// It is among the shards that have something fresh.
    var isQueued = false
    /// Reading was stopped by lack of room.
    var isShort = false
    /// Redis time, and when it was.
    private var clock: (ms: Int, at: ContinuousClock.Instant)

    init(
        fence: Fence, serial: Int, outbox: OpenOutbox, paces: DeliveryPaces, now: ContinuousClock.Instant
    ) {
        self.fence = fence
        self.serial = serial
        window = DeliveryWindow(cursor: outbox.cursor, isThere: outbox.isCursorThere)
        aside = AsideUsers(paces: paces)
        clock = (outbox.nowMs, now)
    }

    mutating func setClock(_ nowMs: Int, _ now: ContinuousClock.Instant) { clock = (nowMs, now) }

    /// Redis time in milliseconds, as this worker's clock has gone on since it was told.
    func nowMs(_ now: ContinuousClock.Instant) -> Int {
        clock.ms + Int((now - clock.at) / .milliseconds(1))
    }

    func isAside(_ user: UserID) -> Bool { aside.holds(user) || window.holdsAside(user) }

    /// Whether the shard is to be put among those that have something fresh; it counts as one of them then.
    mutating func enqueue() -> Bool {
        guard window.hasFresh, !isQueued else { return false }
        isQueued = true
        return true
    }

    /// How many more events may be read.
    /// - Parameter left: of the room of all shards; each shard has a little in any case.
    func room(left: Int) -> Int {
        let own = min(WorkerLimits.windowOpenMax, max(WorkerLimits.windowOpenLeast, window.openCount + left))
        return min(own - window.openCount, WorkerLimits.windowEventsMax - window.count)
    }

    /// Takes in events read from the last one on, that one among them, as far as there is room.
    mutating func take(_ entries: [OutboxEntry], left: inout Int) -> DeliveryState.Reading {
        var events = entries[...]
        if events.first?.position == window.last.position {
            guard !window.isLastThere || events.first?.id == window.last.id else { return .moved }
            events.removeFirst()
        } else if window.isLastThere {
            return .moved
        }
        let room = max(0, room(left: left))
        let aside = aside
        let before = window.openCount
        window.append(events.prefix(room)) { aside.holds($0) }
        left -= window.openCount - before
        isShort = events.count >= room
        return events.count >= WorkerLimits.readEventsMax && !isShort ? .behind : .caughtUp
    }

    /// What can be done about the first event of a user set aside.
    enum AsideStart {
        /// There is none, or it is under way.
        case none
        /// One from before is still under way.
        case later
        case tooOld(AsideUsers.Next)
        case started(entry: String)
    }

    mutating func startAside(_ user: UserID, _ now: ContinuousClock.Instant) -> AsideStart {
        guard !window.hasStarted(user) else { return .later }
        if aside.isTooOld(user, nowMs: nowMs(now)),
            let next = aside.remove(user, whyDead: "not accepted for too long")
        {
            return .tooOld(next)
        }
        return aside.start(user).map { .started(entry: $0) } ?? .none
    }
}

/// One attempt to make.
package struct DeliveryAttempt: Sendable {
    package enum Source: Sendable, Equatable {
        case window(DeliveryWindow.Token)
        case aside(entry: String)
    }

    package let shard: Shard
    package let serial: Int
    package let fence: Fence
    package let source: Source
    package let user: UserID
    /// Nil if it has to be read first.
    package let change: StatusChange?
    var isProbe = false
    /// How long after its change, in milliseconds, where it is this worker's first attempt.
    var firstAfterMs: Int?
}

/// How an attempt ended.
package enum DeliveryAttemptEnd: Sendable, Equatable {
    case outcome(DeliveryOutcome)
    /// The event set aside is there no more.
    case gone
    /// It was not made: Redis could not be asked for the event.
    case untried
    /// It was not made: the shard is not owned any more.
    case notOwned
}
