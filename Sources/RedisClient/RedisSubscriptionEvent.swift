/// What a subscriber hears, in the order it happened.
package enum RedisSubscriptionEvent: Sendable, Equatable {
    /// From now on messages arrive; what was published before is lost.
    case subscribed
    case message(channel: String, payload: String)
    /// The connection is gone and messages are being missed. The client is opening it again.
    case lost
}
