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
struct DeliveryState {
    private struct Waiting {
        let shard: Shard
        let serial: Int
        let what: What

        enum What {
            case window(DeliveryWindow.Token)
            case aside(UserID)
        }
    }

    private struct Timer: Comparable {
        let at: ContinuousClock.Instant
        let waiting: Waiting

        static func < (one: Timer, other: Timer) -> Bool { one.at < other.at }
        static func == (one: Timer, other: Timer) -> Bool { one.at == other.at }
    }

    let paces: DeliveryPaces
    private let asideInFlightMax: Int
    var shards: [Shard: ShardDelivery] = [:]
    private(set) var receiver: ReceiverHealth
    /// Shards to be given up: nothing new is started there.
    var leaving: Set<Shard> = []
    /// Shards with something done, set aside or finished that is not written down.
    var unwritten: Set<Shard> = []
    private(set) var inFlight: [Shard: Int] = [:]
    private var asideInFlight = 0
    private var fresh: Deque<Shard> = []
    private var due: Deque<Waiting> = []
    private var asideDue: Deque<Waiting> = []
    private var timers = Heap<Timer>()
    private var serials = 0

    init(paces: DeliveryPaces, inFlightMax: Int) {
        self.paces = paces
        asideInFlightMax = max(1, inFlightMax / 4)
        receiver = ReceiverHealth(paces: paces)
    }

    mutating func nextSerial() -> Int {
        serials += 1
        return serials
    }

    /// What the shard has to start is to be looked at.
    mutating func queue(_ shard: Shard) {
        guard let state = shards[shard], state.window.hasFresh, !state.isQueued else { return }
        shards[shard]?.isQueued = true
        fresh.append(shard)
    }

    /// The user is tried again as one set aside.
    mutating func schedule(_ user: UserID, in shard: Shard, after pause: Duration, now: ContinuousClock.Instant) {
        guard let serial = shards[shard]?.serial else { return }
        timers.insert(Timer(at: now + pause, waiting: Waiting(shard: shard, serial: serial, what: .aside(user))))
    }

    /// Lets pauses that are over end.
    mutating func tick(_ now: ContinuousClock.Instant) {
        while let timer = timers.min, timer.at <= now {
            timers.removeMin()
            switch timer.waiting.what {
            case .window: due.append(timer.waiting)
            case .aside: asideDue.append(timer.waiting)
            }
        }
    }

    /// Starts the next attempt; nil if none is to be made now.
    mutating func next(_ now: ContinuousClock.Instant) -> DeliveryAttempt? {
        guard !receiver.isAtFault else {
            guard receiver.mayProbe(now), var attempt = nextFresh() ?? nextDue() else { return nil }
            receiver.beginProbe()
            attempt.isProbe = true
            return attempt
        }
        return nextAside(now) ?? nextDue() ?? nextFresh()
    }

    private mutating func nextFresh() -> DeliveryAttempt? {
        while let shard = fresh.popFirst() {
            shards[shard]?.isQueued = false
            guard !leaving.contains(shard), let started = shards[shard]?.window.startFresh() else { continue }
            queue(shard)
            return begin(shard, .window(started.token), started.change.user, started.change)
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
            guard case .aside(let user) = waiting.what, let state = shards[waiting.shard],
                state.serial == waiting.serial, !leaving.contains(waiting.shard)
            else { continue }
            if state.window.hasStarted(user) {
                schedule(user, in: waiting.shard, after: paces.tick, now: now)
            } else if state.aside.isTooOld(user, nowMs: state.nowMs(now)) {
                if let next = shards[waiting.shard]?.aside.remove(user, whyDead: "not accepted for too long") {
                    follow(next, of: user, in: waiting.shard, now)
                }
            } else if let entry = shards[waiting.shard]?.aside.start(user) {
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

    /// Takes how an attempt ended.
    /// - Returns: what is worth telling.
    mutating func ended(_ attempt: DeliveryAttempt, _ end: DeliveryAttemptEnd, _ now: ContinuousClock.Instant)
        -> DeliveryNews?
    {
        land(attempt)
        judge(attempt, end, now)
        if attempt.isProbe, receiver.isAtFault, end.failure == nil { receiver.endProbe() }
        guard let state = shards[attempt.shard], state.serial == attempt.serial else { return nil }
        if end == .notOwned {
            shards[attempt.shard] = nil
            return nil
        }
        switch attempt.source {
        case .window(let token): return endedInWindow(attempt, token, end, now)
        case .aside: return endedAside(attempt, end, now)
        }
    }

    private mutating func land(_ attempt: DeliveryAttempt) {
        let left = inFlight[attempt.shard, default: 1] - 1
        inFlight[attempt.shard] = left == 0 ? nil : left
        if case .aside = attempt.source { asideInFlight -= 1 }
    }

    /// What the attempt says about the receiver. A user set aside is known to fail and says nothing against it.
    private mutating func judge(_ attempt: DeliveryAttempt, _ end: DeliveryAttemptEnd, _ now: ContinuousClock.Instant) {
        if end == .outcome(.delivered) {
            receiver.accepted(attempt.user, now)
        } else if let failure = end.failure, case .window = attempt.source {
            receiver.failed(
                attempt.user, detail: failure.detail, askedMs: failure.askedMs, isProbe: attempt.isProbe, now)
        }
    }

    private mutating func endedInWindow(
        _ attempt: DeliveryAttempt, _ token: DeliveryWindow.Token, _ end: DeliveryAttemptEnd,
        _ now: ContinuousClock.Instant
    ) -> DeliveryNews? {
        let (shard, user) = (attempt.shard, attempt.user)
        guard let failure = end.failure else {
            if case .outcome = end {
                shards[shard]?.window.done(token, of: user)
                unwritten.insert(shard)
                queue(shard)
            } else {
                shards[shard]?.window.failed(token)
                wait(attempt, token, .milliseconds(paces.retry.firstMs), now)
            }
            return nil
        }
        shards[shard]?.window.failed(token)
        if shards[shard]?.isAside(user) == true {
            setAside(user, in: shard, now)
            return nil
        }
        if receiver.isAtFault {
            due.append(Waiting(shard: shard, serial: attempt.serial, what: .window(token)))
            return nil
        }
        guard
            let trouble = shards[shard]?.window.count(failureOf: user, spell: receiver.spell, now: now)
        else { return nil }
        if trouble.failures >= paces.asideAttempts, now - trouble.since >= paces.asideAfter,
            receiver.accepted(otherThan: user, since: trouble.since)
        {
            setAside(user, in: shard, now)
            return .setAside(attempt, detail: failure.detail)
        }
        wait(attempt, token, paces.retry.duration(afterAttempt: trouble.failures, askedMs: failure.askedMs), now)
        return trouble.failures == paces.asideAttempts ? .keepsFailing(attempt, detail: failure.detail) : nil
    }

    private mutating func wait(
        _ attempt: DeliveryAttempt, _ token: DeliveryWindow.Token, _ pause: Duration, _ now: ContinuousClock.Instant
    ) {
        let waiting = Waiting(shard: attempt.shard, serial: attempt.serial, what: .window(token))
        timers.insert(Timer(at: now + pause, waiting: waiting))
    }

    private mutating func endedAside(
        _ attempt: DeliveryAttempt, _ end: DeliveryAttemptEnd, _ now: ContinuousClock.Instant
    ) -> DeliveryNews? {
        let outcome: DeliveryOutcome? =
            switch end {
            case .outcome(let outcome): outcome
            case .gone: .delivered
            case .untried, .notOwned: nil
            }
        let receiver = receiver
        let next = shards[attempt.shard]?.aside.finished(
            attempt.user, outcome, isAccepted: { receiver.accepted(otherThan: attempt.user, since: $0) }, now: now)
        guard let next = next ?? nil else { return nil }
        follow(next, of: attempt.user, in: attempt.shard, now)
        guard case .finished(let finished, _) = next, let why = finished.whyDead else { return nil }
        return .dead(attempt, detail: why)
    }

    private mutating func follow(
        _ next: AsideUsers.Next, of user: UserID, in shard: Shard, _ now: ContinuousClock.Instant
    ) {
        switch next {
        case .finished(let finished, let isMore):
            shards[shard]?.finished.append(finished)
            unwritten.insert(shard)
            guard isMore else { return }
            let pause = finished.whyDead == nil ? .zero : paces.asideRetry.duration(afterAttempt: 1)
            schedule(user, in: shard, after: pause, now: now)
        case .retry(let failures, let askedMs):
            schedule(
                user, in: shard, after: paces.asideRetry.duration(afterAttempt: failures, askedMs: askedMs), now: now)
        }
    }

    private mutating func setAside(_ user: UserID, in shard: Shard, _ now: ContinuousClock.Instant) {
        shards[shard]?.window.setAside(user)
        unwritten.insert(shard)
    }
}

/// What the log may tell of an attempt.
enum DeliveryNews: Sendable {
    case setAside(DeliveryAttempt, detail: String)
    case keepsFailing(DeliveryAttempt, detail: String)
    case dead(DeliveryAttempt, detail: String)
}

extension DeliveryAttemptEnd {
    /// Why the receiver does not have the event, and how long it asks to wait; nil where it has it, or was not asked.
    var failure: (detail: String, askedMs: Int?)? {
        switch self {
        case .outcome(.retry(let askedMs, let detail)): (detail, askedMs)
        case .outcome(.refused(let detail)): (detail, nil)
        case .outcome(.delivered), .outcome(.unwanted), .gone, .untried, .notOwned: nil
        }
    }
}
