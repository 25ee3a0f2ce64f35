import PresenceCore

/// When delivery does what: after how many failures and how long. A value, so that tests can take faster ones.
package struct DeliveryPaces: Sendable {
    /// A user whose events failed so often, over so long, while others' were accepted, is set aside. Less would take a
    /// receiver's restart for a bad user.
    package var asideAttempts = 5
    package var asideAfter: Duration = .seconds(10)
    /// What an earlier spell of the receiver's service in which a user's events failed counts for.
    static let ofSpell: Duration = .milliseconds(2_500)
    /// An event set aside that is refused so often, over so long, others accepted between, is dead: a proxy that
    /// answers 4xx in the receiver's place does so for the time of a deploy.
    package var deadRefusals = 5
    package var deadAfter: Duration = .seconds(60)
    package var asideAgeMax: Duration = .seconds(86_400)
    /// The receiver is at fault when events of so many users failed, over so long, and none was accepted between.
    package var faultUsers = 3
    package var faultAfter: Duration = .milliseconds(500)
    /// Between the attempts at one event; while its user is set aside; between the probes of a receiver at fault.
    package var retry = RetryDelay(firstMs: 200, mostMs: 5_000, askedMostMs: 10_000)
    package var asideRetry = RetryDelay(firstMs: 2_000, mostMs: 30_000, askedMostMs: 300_000)
    package var freshProbe = RetryDelay(firstMs: 200, mostMs: 1_000, askedMostMs: 0)
    package var probe = RetryDelay(firstMs: 200, mostMs: 5_000, askedMostMs: 10_000)
    /// Between two reads of the outboxes and between two acknowledgements, so that each takes many events: a part of
    /// the second a first attempt may take, and what the next owner repeats when this worker dies.
    package var readPause: Duration = .milliseconds(20)
    package var acknowledgePause: Duration = .milliseconds(50)
    /// Between two tries where Redis cannot be asked.
    package var failurePause: Duration = .milliseconds(500)
    /// How exactly pauses are kept.
    package var tick: Duration = .milliseconds(50)
    /// Between two looks whether cursor and backlog are whole.
    package var lookPause: Duration = .seconds(30)
    /// The log tells a cause at most once in this time.
    package var logPause: Duration = .seconds(60)

    package init() {}
}

/// How long to wait before an event is sent again.
package struct RetryDelay: Sendable {
    package var firstMs: Int
    package var mostMs: Int
    /// The longest wait a receiver can ask for.
    package var askedMostMs: Int

    package init(firstMs: Int, mostMs: Int, askedMostMs: Int) {
        self.firstMs = firstMs
        self.mostMs = mostMs
        self.askedMostMs = askedMostMs
    }

    /// Grows with every attempt; no shorter than asked for.
    /// - Parameter part: where between its bounds the pause lies, 0 to 1.
    func duration(afterAttempt attempt: Int, askedMs: Int? = nil, part: Double = .random(in: 0...1)) -> Duration {
        let backoff = Backoff(first: .milliseconds(firstMs), most: .milliseconds(mostMs))
        let asked: Duration = .milliseconds(min(askedMs ?? 0, askedMostMs))
        return max(backoff.pause(afterFailures: attempt, part: part), asked)
    }
}
