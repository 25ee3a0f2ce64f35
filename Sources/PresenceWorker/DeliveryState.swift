import DequeModule
import HeapModule
import PresenceCore
import PresenceStore

/// Which event is tried next, and what follows from how it ended, over all shards of a worker. Pure: `Delivery` reads,
/// posts and acknowledges, and tells what came of it.
///
/// While the receiver serves: events whose pause is over, then those never tried, the shards in turn; and of users set
/// aside the first, in at most a quarter of the attempts under way. While it is at fault: one probe at a time, of events
/// never tried first, then of the others in turn.
package struct DeliveryState {
    struct Waiting {
        let shard: Shard
        let serial: Int
        let what: What

        enum What {
            case window(DeliveryWindow.Token)
            case aside(UserID)
        }
    }

    struct Timer: Comparable {
        let at: ContinuousClock.Instant
        let waiting: Waiting

        static func < (one: Timer, other: Timer) -> Bool { one.at < other.at }
        static func == (one: Timer, other: Timer) -> Bool { one.at == other.at }
    }

    let paces: DeliveryPaces
    private let asideInFlightMax: Int
    package internal(set) var shards: [Shard: ShardDelivery] = [:]
    var receiver: ReceiverHealth
    /// Shards to be given up: nothing new is started there.
    var leaving: Set<Shard> = []
    /// Shards with something done, set aside or finished that is not written down.
    package internal(set) var unwritten: Set<Shard> = []
    package internal(set) var inFlight: [Shard: Int] = [:]
    var asideInFlight = 0
    private var fresh: Deque<Shard> = []
    var due: Deque<Waiting> = []
    private var asideDue: Deque<Waiting> = []
    var timers = Heap<Timer>()
    private var serials = 0

    package init(paces: DeliveryPaces, inFlightMax: Int) {
        self.paces = paces
        asideInFlightMax = max(1, inFlightMax / 4)
        receiver = ReceiverHealth(paces: paces)
    }

    /// What is known of the shard is to be read anew.
    package mutating func forget(_ shard: Shard) { shards[shard] = nil }

    mutating func nextSerial() -> Int {
        serials += 1
        return serials
    }

    /// What the shard has to start is to be looked at.
    mutating func queue(_ shard: Shard) {
        if shards[shard]?.enqueue() == true { fresh.append(shard) }
    }

    /// The user is tried again as one set aside.
    mutating func schedule(_ user: UserID, in shard: Shard, after pause: Duration, now: ContinuousClock.Instant) {
        guard let serial = shards[shard]?.serial else { return }
        timers.insert(Timer(at: now + pause, waiting: Waiting(shard: shard, serial: serial, what: .aside(user))))
    }

    /// The next event of a user set aside whose last one was accepted is tried at once.
    mutating func continueAside(_ user: UserID, in shard: Shard) {
        guard let serial = shards[shard]?.serial else { return }
        asideDue.append(Waiting(shard: shard, serial: serial, what: .aside(user)))
    }

    /// Lets pauses that are over end.
    package mutating func tick(_ now: ContinuousClock.Instant) {
        while let timer = timers.min, timer.at <= now {
            timers.removeMin()
            switch timer.waiting.what {
            case .window: due.append(timer.waiting)
            case .aside: asideDue.append(timer.waiting)
            }
        }
    }

    /// Starts the next attempt; nil if none is to be made now.
    package mutating func next(_ now: ContinuousClock.Instant) -> DeliveryAttempt? {
        guard !receiver.isAtFault else {
            let fresh = receiver.mayProbeFresh(now) ? nextFresh(now) : nil
            guard var attempt = fresh ?? (receiver.mayProbe(now) ? nextDue() : nil) else { return nil }
            receiver.beginProbe()
            attempt.isProbe = true
            return attempt
        }
        return nextAside(now) ?? nextDue() ?? nextFresh(now)
    }

    private mutating func nextFresh(_ now: ContinuousClock.Instant) -> DeliveryAttempt? {
        while let shard = fresh.popFirst() {
            shards[shard]?.isQueued = false
            guard !leaving.contains(shard), let started = shards[shard]?.window.startFresh() else { continue }
            queue(shard)
            var attempt = begin(shard, .window(started.token), started.change.user, started.change)
            attempt?.firstAfterMs = shards[shard].map { max(0, $0.nowMs(now) - started.change.atMs) }
            return attempt
        }
        return nil
    }

    private mutating func nextDue() -> DeliveryAttempt? {
        while let waiting = due.popFirst() {
            guard case .window(let token) = waiting.what, shards[waiting.shard]?.serial == waiting.serial,
                !leaving.contains(waiting.shard), let change = shards[waiting.shard]?.window.start(token)
            else { continue }
            return begin(waiting.shard, .window(token), change.user, change)
        }
        return nil
    }

    private mutating func nextAside(_ now: ContinuousClock.Instant) -> DeliveryAttempt? {
        while asideInFlight < asideInFlightMax, let waiting = asideDue.popFirst() {
            guard case .aside(let user) = waiting.what, shards[waiting.shard]?.serial == waiting.serial,
                !leaving.contains(waiting.shard), let start = shards[waiting.shard]?.startAside(user, now)
            else { continue }
            switch start {
            case .none: break
            case .later: schedule(user, in: waiting.shard, after: paces.tick, now: now)
            case .tooOld(let next): follow(next, of: user, in: waiting.shard, now)
            case .started(let entry):
                asideInFlight += 1
                return begin(waiting.shard, .aside(entry: entry), user, nil)
            }
        }
        return nil
    }

    private mutating func begin(
        _ shard: Shard, _ source: DeliveryAttempt.Source, _ user: UserID, _ change: StatusChange?
    ) -> DeliveryAttempt? {
        guard let state = shards[shard] else { return nil }
        inFlight[shard, default: 0] += 1
        return DeliveryAttempt(
            shard: shard, serial: state.serial, fence: state.fence, source: source, user: user, change: change)
    }
}
