import PresenceCore

/// The rules and limits the store applies. The same on every worker of one Redis.
package struct StoreOptions: Sendable {
    /// This worker's name, kept with the sessions it serves.
    package var worker: String
    package var platforms = PlatformTable()
    package var limits = LoginLimits()
    /// How long a session stays PushOnline without a login.
    package var pushRetentionMs = 604_800_000
    /// How long the record of a user without sessions is kept, to answer since when.
    package var offlineRetentionMs = 604_800_000
    /// How long delivered events stay in the stream.
    package var eventsRetentionMs = 600_000
    /// How long a revocation of usersigs counts: as long as the oldest usersig accepted.
    package var userSigAgeMaxMs = 15_552_000_000
    /// Undelivered events over all shards at which logins are refused.
    package var eventsBacklogMax = 1_000_000
    /// A pause of sweeping that a takeover does not explain.
    package var outageGapMs = 15_000
    /// Whether changes are posted to somebody.
    package var hasReceiver = false
    /// The longest a caller may repeat a call whose reply was lost.
    package var repeatMsMax = 30_000
    /// The newest form of what is in Redis this worker reads and writes.
    package var level = Layout.level

    package init(worker: String) { self.worker = worker }

    /// The longest grace after an outage, over all platforms.
    package var graceMsMax: Int { platforms.traits.values.map(\.heartbeat.graceMs).max() ?? 0 }

    /// How long what an operation answered is remembered: twice as long as it may be repeated.
    package var doneMs: Int { max(60_000, 2 * repeatMsMax) }

    /// How long it is remembered who ended a session: until its client would have been taken for lost.
    package var endedMs: Int {
        max(doneMs, platforms.traits.values.map { $0.heartbeat.timeoutMs + $0.heartbeat.graceMs }.max() ?? 0)
    }
}

/// Bounds that protect Redis and the worker; no reason to configure them is known.
package enum StoreLimits {
    /// A worker not heard of for this long is dead to the others and to onlookers: it says it lives every second.
    package static let workerSilenceMs = 5_000
    /// Attempts of a login or kick that has to declare sessions it learns of on the way. Each round of
    /// concurrent logins of one user lets at least one through.
    package static let declareAttemptsMax = 200
    /// Users of a shard re-armed in one script: about 1 ms of Redis.
    static let rearmBatchUsersMax = 256
    /// Users of a shard settled in one script: about 2 ms of Redis.
    static let settleBatchUsersMax = 64
    /// Users whose deadlines are lowered in one script: about 2 ms of Redis.
    static let lowerBatchUsersMax = 1_000
    /// How far ahead a shard's alarm is set; what is later is seen by a later sweep.
    static let alarmAheadMs = 2_000
    /// Notices a worker may be behind in reading.
    static let noticesMax = 10_000
    /// How long a user whose record cannot be read is left alone.
    static let unreadablePutOffMs = 60_000
    /// Events set aside that a shard keeps, and how many of them one user may have; the oldest beyond are dead.
    package static let asidePerShardMax = 10_000
    package static let asidePerUserMax = 1_000
    /// Dead letters kept per shard; the oldest beyond are dropped, and counted in the cursor's hash.
    package static let deadLettersPerShardMax = 10_000
    /// Dead letters moved in one call: about 2 ms of Redis.
    static let replayBatchMax = 200
    /// Dead letters dropped in one call: about 1 ms of Redis.
    static let dropBatchMax = 1_000
    /// Shards whose figures are asked for in one write.
    static let figuresShardsMax = 256
    /// Entries of a stream read in one call.
    static let pageEntriesMax = 1_000
    /// How far a backlog is counted when a shard's delivery begins or is looked at: about 1 ms of Redis.
    static let backlogCountedMax = 1_000
    /// Users looked at, or mended, in one script: about 1 ms of Redis.
    static let lookBatchUsersMax = 100
    /// How often a user is looked at who changes between being read and being looked at.
    static let lookAttemptsMax = 4
    /// How often what changed in a shard is read again until it stands still for the time of a look.
    static let recountAttemptsMax = 50
    /// How much later than the first of a user's timers ends a deadline may be: scripts round, and read the time once.
    package static let deadlineLateMsMax = 1_000
}
