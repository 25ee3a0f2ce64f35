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
    /// How long nobody is settled as lost after such a pause.
    package var outageGraceMs = 90_000

    package init(worker: String) { self.worker = worker }
}

/// Bounds that protect Redis and the worker; no reason to configure them is known.
package enum StoreLimits {
    /// Attempts of a login or kick that has to declare sessions it learns of on the way. Each round of
    /// concurrent logins of one user lets at least one through.
    package static let declareAttemptsMax = 200
    /// Users a sweep takes from a shard at once.
    package static let sweepBatchUsersMax = 256
    /// How long a user whose record cannot be read is left alone.
    static let corruptPutOffMs = 60_000
    /// Events set aside that a shard keeps, and how many of them one user may have; the oldest beyond are dead.
    package static let asidePerShardMax = 10_000
    package static let asidePerUserMax = 1_000
    /// Dead letters kept per shard; the oldest beyond are dropped, and counted in the cursor's hash.
    package static let deadLettersPerShardMax = 10_000
    /// Dead letters moved in one call: about 2 ms of Redis.
    static let replayBatchMax = 200
    /// Entries of a stream read in one call.
    static let pageEntriesMax = 1_000
    /// How far a backlog is counted when a shard's delivery begins or is looked at: about 1 ms of Redis.
    static let backlogCountedMax = 1_000
}
