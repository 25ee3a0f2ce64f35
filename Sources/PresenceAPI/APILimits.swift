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
    /// A body, unless configured otherwise: 1 000 heartbeats of the longest ids, every byte of them escaped, fit.
    package static let bodyBytesMax = 1 << 20
}
