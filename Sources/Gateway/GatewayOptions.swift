import NIOCore

/// What a deployment chooses about client connections.
package struct GatewayOptions: Sendable {
    /// Web pages of these origins may connect (`https://example.org`); empty for all. What sends no `Origin` is no
    /// web page and may always.
    package var origins: [String] = []
    /// The header the load balancer adds the client's address to, the last one counts; nil to take the peer's.
    package var addressHeader: String?
    package var socketsMax = 100_000
    package var socketsPerAddressMax = 2_000
    /// Logins per second, those for a session a client comes back for among them.
    package var loginRateMax = 2_000
    /// A socket on which nothing passed for so long is sent a ping, in milliseconds; 0 for none. Debian's HAProxy cuts
    /// one after 50 s, nginx and AWS after 60.
    package var keepaliveMs = 45_000
    /// Over how long a stopping worker closes its sockets, in milliseconds.
    package var drainMs = 5_000

    package init() {}

    /// Sockets whose token is not verified yet: whoever has none leaves half of the places to others.
    var unverifiedMax: Int { max(1, socketsMax / 2) }
    /// The same of one address.
    var unverifiedPerAddressMax: Int { max(1, unverifiedMax / 10) }
}

/// The limits of one connection; no reason to configure them is known.
package enum GatewayLimits {
    /// From the upgrade to the token.
    static let handshakeTimeout = TimeAmount.seconds(5)
    /// How long a client is kept waiting for its welcome. Clients give up later than this: an overloaded worker must
    /// not spend itself on logins nobody waits for.
    static let openingTimeout = TimeAmount.seconds(8)
    /// How long a client may take to answer our close frame.
    static let closeTimeout = TimeAmount.seconds(1)
    /// Frames a client may send: per second, and at once after a pause.
    static let framesPerSecondMax = 10
    static let framesBurstMax = 50
    /// Tokens that are not good, of one address: per second, and at once after a pause. The next are not looked at.
    static let badTokensPerSecondMax = 10
    static let badTokensBurstMax = 100
    /// Addresses without a socket that are remembered at least.
    static let idleAddressesMax = 1_024
    /// Bytes that wait for a client that does not read.
    static let queuedBytesMax = 16 << 10
    /// Bytes of one read.
    static let readBytesMax = 256
    /// How long a heartbeat waits for others: a write to Redis costs many times what one more command in it does, and
    /// nobody waits for the answer.
    static let heartbeatWindow = TimeAmount.milliseconds(5)
    /// When a client hears that its heartbeat is not recorded yet. Clients that ask whether their socket lives wait for
    /// 3 s at least.
    static let unrecordedAfter = TimeAmount.seconds(2)
    /// Heartbeats of one write to Redis.
    static let heartbeatsPerBatchMax = 1_000
    /// Logins, logouts and disconnects under way at once, of an event loop for a Redis server.
    static let jobsPerLaneMax = 64
    /// Clients' ends kept while Redis cannot be asked, of an event loop for a Redis server.
    static let unrecordedPerLaneMax = 100_000
    /// The longest delay a client is asked to come back after: enough to spread those of one worker.
    static let comeBackMsMax = 1_000
    /// The same where coming back at once would not help.
    static let overloadedComeBackMsMax = 5_000
    /// Sockets looked at in one turn of an event loop when their queues are asked for.
    static let socketsPerLookMax = 1_000
    /// Characters of a refused page's origin that are logged.
    static let originLoggedMax = 200
    /// Between two attempts to record that a client is gone, while Redis cannot be asked.
    static let disconnectPauseMs: ClosedRange<Int64> = 200...2_000
}
