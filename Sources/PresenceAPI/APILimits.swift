import NIOCore

/// The limits of the HTTP API.
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
    /// A connection that sends nothing while no answer is due is closed; longer than the usual 60 s of load
    /// balancers, so that they close first and never send into a connection that is being closed.
    package static let idleTimeout = TimeAmount.seconds(75)
    /// From the head of a request to its end: a body of 1 MiB has come by then also over a slow line. A server that
    /// stops does not wait as long.
    package static let requestTimeout = TimeAmount.seconds(20)
    package static let requestTimeoutWhenStopping = TimeAmount.seconds(1)
    /// From the accept to the head of the first request, whatever it asks for.
    package static let firstRequestTimeout = TimeAmount.seconds(5)
}
