import PresenceCore
import PresenceStore

/// Delivery of one shard since it was taken over or last read anew.
struct ShardDelivery {
    let fence: Fence
    /// Tells it from an earlier one of the same shard, whose attempts may still end.
    let serial: Int
    var window: DeliveryWindow
    var aside: AsideUsers
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

    /// How many more events may be read.
    /// - Parameter left: of the room of all shards; each shard has a little in any case.
    func room(left: Int) -> Int {
        let own = min(WorkerLimits.windowOpenMax, max(WorkerLimits.windowOpenLeast, window.openCount + left))
        return min(own - window.openCount, WorkerLimits.windowEventsMax - window.count)
    }
}

/// One attempt to make.
struct DeliveryAttempt: Sendable {
    enum Source: Sendable, Equatable {
        case window(DeliveryWindow.Token)
        case aside(entry: String)
    }

    let shard: Shard
    let serial: Int
    let fence: Fence
    let source: Source
    let user: UserID
    /// Nil if it has to be read first.
    let change: StatusChange?
    var isProbe = false
}

/// How an attempt ended.
enum DeliveryAttemptEnd: Sendable, Equatable {
    case outcome(DeliveryOutcome)
    /// The event set aside is there no more.
    case gone
    /// It was not made: Redis could not be asked for the event.
    case untried
    /// It was not made: the shard is not owned any more.
    case notOwned
}
