/// The client's limits and times, each with its default.
package struct RedisClientOptions: Sendable {
    /// How long one attempt of a command may take, from being queued to being answered. A
    /// connection whose oldest command has waited longer is closed.
    package var commandDeadline: Duration = .seconds(1)
    /// No attempt of a command starts later than this after the first.
    package var overallDeadline: Duration = .seconds(3)
    /// The same where others must not wait for it (`RedisPatience.background`).
    package var backgroundDeadline: Duration = .milliseconds(200)
    /// How often a command is sent whose earlier attempts were not sent or have an unknown fate.
    package var attemptsMax = 3
    /// The pause before a command is repeated: a random part of a bound that doubles from the first to the second.
    package var repeatPauseFirst: Duration = .milliseconds(20)
    package var repeatPauseMost: Duration = .milliseconds(400)
    /// The pause before a lost connection is opened again, in the same way.
    package var reconnectPauseFirst: Duration = .milliseconds(20)
    package var reconnectPauseMost: Duration = .seconds(1)
    /// How often it is asked which servers are the masters, where that can change, if nothing hints at a change.
    package var topologyInterval: Duration = .seconds(5)
    /// How often a subscription asks whether its server is still there. Silence of two intervals is a loss.
    package var pingInterval: Duration = .seconds(5)
    /// Commands queued or awaiting an answer, per event loop and server.
    package var commandsQueuedMax = 100_000
    /// Bytes received without a complete reply.
    package var replyBytesMax = 8 << 20
    /// Events a slow reader of a subscription may fall behind; the oldest are dropped beyond.
    package var subscriptionEventsMax = 10_000
    /// The name CLIENT LIST shows for the connections.
    package var clientName = "presence"
    /// Whether `checkServer()` accepts a server that evicts keys when its memory is full.
    package var allowEviction = false
    /// How many replicas `checkServer()` wants every master to demand before it accepts a write.
    package var minReplicas = 0
    /// With what connections are secured, where the endpoint asks for TLS. Files are read anew for every connection.
    package var tls = RedisTLS()
    /// Reads the endpoint again, for every connection: its logins count from then on. It may block. nil if they never
    /// change.
    package var endpointAnew: (@Sendable () throws -> RedisEndpoint)?

    package init() {}
}
