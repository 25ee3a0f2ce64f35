/// The client's limits, in one place.
enum ClientLimits {
    static let eventsBufferedMax = 64
    /// The largest message the service may send, and the frames it may come in.
    static let messageBytesMax = 4096
    static let messageFramesMax = 16
    static let silentChannelsMax = 4
    /// How long a connection that may be dead has to show that it is not.
    static let signOfLifeWithin: Duration = .seconds(5)
    /// How long connecting may take until the welcome, and how long a logout may wait for its answer.
    static let answerWithin: Duration = .seconds(10)
    /// Bounds of the heartbeat interval the service may ask for.
    static let heartbeatIntervalSeconds = 0.01...86_400
    /// The longest pause the service may ask for.
    static let retryAfterMsMax = 3_600_000
}
