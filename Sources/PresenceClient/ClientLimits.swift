/// What bounds a client's memory.
enum ClientLimits {
    static let eventsBufferedMax = 64
    /// The frames a message of the service may come in.
    static let messageFramesMax = 16
}
