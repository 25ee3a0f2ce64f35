import HeapModule
import PresenceCore
import PresenceStore

/// What follows from how an attempt ended.
extension DeliveryState {
    /// Takes how an attempt ended.
    /// - Returns: what is worth telling.
    package mutating func ended(_ attempt: DeliveryAttempt, _ end: DeliveryAttemptEnd, _ now: ContinuousClock.Instant)
        -> DeliveryNews?
    {
        land(attempt)
        judge(attempt, end, now)
        if attempt.isProbe, receiver.isAtFault, end.failure == nil { receiver.endProbe() }
        guard shards[attempt.shard]?.serial == attempt.serial else { return nil }
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
                shards[shard]?.window.notMade(token)
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

    mutating func follow(
        _ next: AsideUsers.Next, of user: UserID, in shard: Shard, _ now: ContinuousClock.Instant
    ) {
        switch next {
        case .finished(let finished, let isMore):
            shards[shard]?.finished.append(finished)
            unwritten.insert(shard)
            guard isMore else { return }
            if finished.whyDead == nil {
                continueAside(user, in: shard)
            } else {
                schedule(user, in: shard, after: paces.asideRetry.duration(afterAttempt: 1), now: now)
            }
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
package enum DeliveryNews: Sendable {
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
