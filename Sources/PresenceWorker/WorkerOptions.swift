import PresenceStore

/// What a deployment chooses about the background work, and its paces: the promises rest on their defaults.
package struct WorkerOptions: Sendable {
    /// Callback attempts in flight at once: 2 000 events/s to a receiver that takes 100 ms need 200.
    package var callbacksInFlightMax = 256
    package var paces = WorkerPaces()
    package var delivery = DeliveryPaces()

    package init(callbacksInFlightMax: Int = 256) {
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
    package var workerSilenceMs = StoreLimits.workerSilenceMs
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
    static let shardsPerCallMax = 16
    /// Shards whose deadlines are lowered in one round, a thousand users of each: about 100 ms of Redis.
    static let loweredShardsMax = 50
    /// Workers that stand in for a shard's owner, one after another, while it cannot be asked who lives: bounds what is
    /// asked for in vain, each shard so often in a round, however many workers there are.
    static let standInsMax = 4
    /// Groups of shards worked on at once, so that Redis and the worker need not wait for each other.
    static let sweepLanes = 4
    /// A settlement this late is told in the log.
    static let lagToldMs = 2_000
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
}
