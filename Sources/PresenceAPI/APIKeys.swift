/// What a key lets its holder do. None includes another.
package enum Role: String, Sendable, CaseIterable {
    /// Ask: who is online, figures, metrics.
    case read
    /// Tell what clients do: logins, heartbeats, closed connections, logouts.
    case write
    /// Order what operators may: kicks, replays.
    case operate
}

/// The keys callers may show as `Authorization: Bearer <key>`, in lists of those that may do the same. Several in a
/// list, so that one can be replaced without a pause; one in several lists may do what each of them allows. Without any
/// key the `/v1` routes are open, which only a service bound to loopback may do.
package struct APIKeys: Sendable {
    package struct List: Sendable {
        /// As configured. With a key's place in the list it is what the log calls who shows that key.
        package let name: String
        package let roles: [Role]
        package let keys: [String]

        package init(_ name: String, _ roles: [Role], _ keys: [String]) {
            self.name = name
            self.roles = roles
            self.keys = keys
        }
    }

    package let lists: [List]

    package init(_ lists: [List] = []) { self.lists = lists }

    package var isEmpty: Bool { lists.allSatisfy(\.keys.isEmpty) }
}
