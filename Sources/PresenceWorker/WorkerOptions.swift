/// How the background work is paced. Times in milliseconds.
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
    static let ownershipLeaseMs = 10_000
    /// Between two sweeps of a shard. Half of what detection may add to a timeout.
    static let sweepRoundMs = 1_000
    /// Between two sweeps that notifications ask for, so that a storm of them cannot keep Redis busy.
    static let sweepPauseMs = 20
    /// Users settled in one write.
    static let settleBatchUsersMax = 512
    /// Between two looks at the outboxes. Half of what a first attempt may take.
    static let outboxRoundMs = 500
    /// Events of a shard held in memory, and how many of them may be in flight or waiting; the others are done
    /// and wait behind an open one to be acknowledged.
    static let windowEventsMax = 1_024
    static let windowOpenEventsMax = 128
    /// Attempts at an event the receiver refuses before it becomes a dead letter.
    static let refusedAttemptsMax = 3
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
    /// together do not come back together. What the receiver asked for is the least.
    static func milliseconds(afterAttempt attempt: Int, askedMs: Int?, jitter: Double = .random(in: 0.5...1)) -> Int {
        let full = min(mostMs, firstMs << min(attempt - 1, 10))
        return max(Int(Double(full) * jitter), min(askedMs ?? 0, askedMostMs))
    }
}
