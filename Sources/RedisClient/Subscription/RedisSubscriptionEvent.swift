/// What a subscriber hears, in the order it happened.
package enum RedisSubscriptionEvent: Sendable, Equatable {
    /// From now on the messages of a server arrive; what was published there before is lost.
    case subscribed
    case message(channel: String, payload: String)
    /// The connection to this server is gone and its messages are being missed. The client is opening it again, or
    /// another one in its place.
    case lost(RedisAddress)
}

/// A channel, and where it is heard.
package struct RedisChannel: Sendable, Hashable {
    package let name: String
    /// In a cluster, of the key or channel whose master tells it.
    let slot: Int
    /// Heard with SSUBSCRIBE in a cluster, so that what is published does not go to every server there.
    let isSharded: Bool

    /// What is published by `RedisClient/publishing(_:to:)`.
    package init(_ name: String) {
        self.name = name
        slot = HashSlot.of(name)
        isSharded = true
    }

    /// What happens to a key. Only the server that holds the key tells it.
    package init(keyspaceOf key: String, database: Int) {
        name = "__keyspace@\(database)__:\(key)"
        slot = HashSlot.of(key)
        isSharded = false
    }
}
