/// What a deployment chooses about the background work.
package struct WorkerOptions: Sendable {
    /// Callback attempts in flight at once: 2 000 events/s to a receiver that takes 100 ms need 200.
    package var callbacksInFlightMax = 256
    package var delivery = DeliveryPaces()

    package init(callbacksInFlightMax: Int = 256) {
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
    /// Events of a shard that may be open, and held in memory at all: behind one that waits, others are done. Enough
    /// for what a shard gets while a failing user is found out, also where few shards get all.
    static let windowOpenMax = 8_192
    static let windowEventsMax = 32_768
    /// Open events over all shards, about 40 MB; beyond it each shard has at least so many.
    static let openEventsMax = 65_536
    static let windowOpenLeast = 16
    /// Events of a shard read, acknowledged, and copied to those set aside at once.
    static let readEventsMax = 512
    static let acknowledgedEventsMax = 1_000
    static let acknowledgedAsideMax = 256
    /// Events set aside that are finished in one call.
    static let finishedMax = 256
    /// A sweep older than this makes the worker unready.
    static let sweepLateMs = 5_000
    /// Between two checks that notifications still come.
    static let notificationCheckMs = 30_000
    /// How long the canary's notification may take.
    static let canaryWaitMs = 2_000
}
