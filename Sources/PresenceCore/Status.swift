/// Where a session or a user stands. Ordered: the user has the greatest of the sessions' statuses.
package enum Status: String, Sendable, CaseIterable, Comparable {
    /// Not logged in anywhere.
    case offline = "Offline"
    /// Logged in, no live connection, reachable by push.
    case pushOnline = "PushOnline"
    /// Logged in with a live connection.
    case online = "Online"

    /// Those in which somebody is logged in.
    package static let live: [Status] = [.online, .pushOnline]

    private var rank: Int {
        switch self {
        case .offline: 0
        case .pushOnline: 1
        case .online: 2
        }
    }

    package static func < (left: Status, right: Status) -> Bool { left.rank < right.rank }

    /// The status of a user with these sessions.
    package static func ofUser(_ sessions: some Sequence<Status>) -> Status { sessions.max() ?? .offline }
}
