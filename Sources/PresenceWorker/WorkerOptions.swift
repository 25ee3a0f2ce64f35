/// What a deployment chooses about the background work.
package struct WorkerOptions: Sendable {
    /// Callback attempts in flight at once.
    package var callbacksInFlightMax = 64

    package init(callbacksInFlightMax: Int = 64) {
        self.callbacksInFlightMax = callbacksInFlightMax
    }
}

/// The paces and bounds the promises rest on.
enum WorkerLimits {
    /// Between two rounds of registering and renewing ownership.
    static let ownershipRoundMs = 1_000
    /// A worker not heard of for this long is dead to the others. With the lease, a dead worker's shards have a
    /// new owner within 12 s.
    static let workerSilenceMs = 5_000
    static let ownershipLeaseMs = 8_000
    /// Between two sweeps of a shard. Half of what detection may add to a timeout.
    static let sweepRoundMs = 1_000
    /// Between two sweeps that notifications ask for, so that a storm of them cannot keep Redis busy.
    static let sweepPauseMs = 20
    /// Users settled in one write.
    static let settleBatchUsersMax = 512
    /// Between two looks at the outboxes. Half of what a first attempt may take.
    static let outboxRoundMs = 500
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
    /// A sweep older than this makes the worker unready.
    static let sweepLateMs = 5_000
    /// Between two checks that notifications still come.
    static let notificationCheckMs = 30_000
    /// How long the canary's notification may take.
    static let canaryWaitMs = 2_000
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
