/// What a deployment chooses about the background work, and its paces: the promises rest on their defaults.
package struct WorkerOptions: Sendable {
    /// Callback attempts in flight at once.
    package var callbacksInFlightMax = 64
    package var paces = WorkerPaces()

    package init(callbacksInFlightMax: Int = 64) {
        self.callbacksInFlightMax = callbacksInFlightMax
    }
}

/// How often things are done, and how long is waited for others, in milliseconds. No reason to configure them is known;
/// tests do.
package struct WorkerPaces: Sendable {
    /// Between two rounds of registering and taking over shards.
    package var ownershipRoundMs = 1_000
    /// A worker not heard of for this long is dead to the others. With the lease, a dead worker's shards have a
    /// new owner within 12 s.
    package var workerSilenceMs = 5_000
    package var leaseMs = 8_000
    /// What may be left of a lease when it is renewed: time enough to try several times.
    package var leaseRenewAtMs = 5_000
    /// Between two sweeps of a shard. Half of what detection may add to a timeout.
    package var sweepRoundMs = 1_000
    /// The same where notifications do not come: only sweeps tell of new events then, and a first attempt has a second.
    package var sweepRoundUntoldMs = 500
    /// Between two sweeps that are asked for, so that a storm of them cannot keep Redis busy.
    package var sweepPauseMs = 20
    /// Between two checks of the notifications and of the server.
    package var checkMs = 30_000
    /// How long the canary's notification may take.
    package var canaryWaitMs = 2_000
    /// For how long no live worker has the adopted rules before another adopts its own.
    package var adoptAfterMs = 30_000
    /// Redis, silent for so long, is said not to answer.
    package var answerAgeMsMax = 5_000

    package init() {}
}

/// The bounds of the background work.
enum WorkerLimits {
    /// Users one round of sweeping takes from all shards together: a round is over within a second.
    static let roundUsersMax = 16_384
    /// Of one shard at once.
    static let shardUsersMax = 2_048
    /// Users read, re-armed and settled together, so that what waits behind them in Redis waits a few milliseconds.
    static let settleUsersMax = 1_024
    /// Shards asked in one write.
    static let shardsPerCallMax = 64
    /// Groups of shards worked on at once, so that Redis and the worker need not wait for each other.
    static let sweepLanes = 3
    /// A settlement this late is told in the log.
    static let lagToldMs = 2_000
    /// Events of a shard held in memory, and how many users may have one of them in flight or waiting for its next
    /// attempt.
    static let windowEventsMax = 1_024
    static let windowUsersMax = 128
    /// How often the receiver may refuse an event before it becomes a dead letter, and the pause between: a proxy
    /// that answers in its place does so for a moment.
    static let refusalsMax = 3
    static let refusedPauseMs = 3_000
    /// Events in a row that fail before the receiver is said to.
    static let receiverFailuresMax = 3
    /// Attempts at one event before it is named in the log, about a minute.
    static let attemptsUnnamedMax = 10
}

/// How long to wait before an event is sent again.
struct RetryDelay {
    static let firstMs = 200
    static let mostMs = 10_000
    /// The longest wait a receiver can ask for.
    static let askedMostMs = 300_000

    /// Doubles with every attempt up to `mostMs`, then takes a random half off, so that events that failed
    /// together do not come back together.
    static func milliseconds(afterAttempt attempt: Int, leastMs: Int, jitter: Double = .random(in: 0.5...1)) -> Int {
        let full = min(mostMs, firstMs << min(attempt - 1, 10))
        return max(Int(Double(full) * jitter), min(leastMs, askedMostMs))
    }
}
