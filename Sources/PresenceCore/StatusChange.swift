/// What a client or its connection did.
package enum Action: String, Sendable, CaseIterable {
    case login = "Login"
    case logout = "Logout"
    case disconnect = "Disconnect"
}

/// Why it happened.
package enum Reason: String, Sendable, CaseIterable {
    /// Login: a client logged in or reconnected.
    case register = "Register"
    /// Logout: the client logged out.
    case unregister = "Unregister"
    /// Disconnect: the connection was closed.
    case linkClose = "LinkClose"
    /// Disconnect: the client fell silent.
    case timeOut = "TimeOut"
    /// Logout: the backend ended the session.
    case kicked = "Kicked"
    /// Logout: nobody logged in while the session was reachable by push only.
    case expired = "Expired"
}

/// One committed change of one session, as it stands in the outbox.
package struct StatusChange: Sendable, Equatable {
    /// Stable and unique, `<generation of the session>-<version>`: the same on every delivery. Contains no ".".
    package var id: String
    package var user: UserID
    /// Grows with every change of this user; `previous` is the version before, so a receiver can see a gap.
    package var version: Int
    package var previous: Int
    /// Redis time of the change in milliseconds.
    package var atMs: Int
    package var action: Action
    package var reason: Reason
    package var session: SessionID
    /// The session's status after the change.
    package var status: Status
    /// The user's status after the change.
    package var userStatus: Status
    /// The client's address as it told at login.
    package var address: String?
    /// The sessions a login displaced.
    package var kicked: [SessionID]
    /// The reason an operator gave for a kick; of a session that fell silent or expired, since when that was due.
    package var note: String?
    /// The call that caused it, where one did and said so.
    package var cause: Cause?

    package init(
        id: String, user: UserID, version: Int, previous: Int, atMs: Int, action: Action, reason: Reason,
        session: SessionID, status: Status, userStatus: Status, address: String? = nil, kicked: [SessionID] = [],
        note: String? = nil, cause: Cause? = nil
    ) {
        self.id = id
        self.user = user
        self.version = version
        self.previous = previous
        self.atMs = atMs
        self.action = action
        self.reason = reason
        self.session = session
        self.status = status
        self.userStatus = userStatus
        self.address = address
        self.kicked = kicked
        self.note = note
        self.cause = cause
    }
}

extension StatusChange {
    /// Since when a session that fell silent or expired was due to be settled, Redis time in milliseconds: when its timer
    /// ended, or earlier where it was renewed while nobody swept. nil for what a client or somebody else did.
    package var dueAtMs: Int? { [.timeOut, .linkClose, .expired].contains(reason) ? note.flatMap { Int($0) } : nil }
}

/// How one attempt to deliver a change ended.
package enum DeliveryOutcome: Sendable, Equatable {
    /// The receiver has it.
    case delivered
    /// The receiver is not to be told of changes like this one. Says nothing about the receiver.
    case unwanted
    /// It may work later: no connection, timeout, redirect, 5xx, 429. `afterMs` is what the receiver asked for.
    case retry(afterMs: Int?, detail: String)
    /// The receiver will not take this one (a 4xx). What follows is decided from all its events: see the guarantees.
    case refused(detail: String)

    /// The detail of a `retry` where something answered that does not speak HTTP: a wrong port, or TLS on one side only.
    package static let noHTTP = "the answer is no HTTP"
}
