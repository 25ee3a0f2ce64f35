/// The limits of the HTTP API; those of its connections are `HTTPServerLimits`.
package enum APILimits {
    /// Users of one `POST /v1/statuses` or `query_online_status`.
    package static let usersPerQueryMax = 500
    /// Sessions of one `POST /v1/heartbeats`.
    package static let heartbeatsPerCallMax = 1_000
    /// Accounts of one `account_check`.
    package static let accountsPerCheckMax = 100
    /// The reason given with a kick.
    package static let reasonBytesMax = 256
    /// Events of a shard's log, the newest, that are looked through for the story of a user, a thousand in about 1 ms of
    /// Redis, and stories that are read at the same time.
    package static let storyEventsMax = 20_000
    package static let storiesMax = 4
    /// A body, unless configured otherwise: 1 000 heartbeats of the longest ids, every byte of them escaped, fit.
    package static let bodyBytesMax = 1 << 20
}
