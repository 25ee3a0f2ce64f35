import PresenceCore

/// How a login ended.
package enum LoginAnswer: Sendable {
    case accepted(AcceptedLogin)
    /// Refused as it may not displace others; these sessions stand in the way and were left alone, in the order
    /// of their login.
    case rejected(inTheWay: [SessionID])
    /// Refused: the usersig the client showed was issued before a kick that revoked it.
    case revoked
    /// Left undone: a later attempt of the same client was here first.
    case late
}

package struct AcceptedLogin: Sendable, Equatable {
    package var session: SessionID
    /// The user's status after the login and the version of the change.
    package var userStatus: Status
    package var version: Int
    package var heartbeat: HeartbeatTiming
    /// The sessions the login displaced.
    package var kicked: [SessionID]
}

/// What became of the session a client came back for.
package enum ResumeAnswer: Sendable, Equatable {
    /// It goes on, without an event. `version` is that of the user's last change.
    case resumed(version: Int, heartbeat: HeartbeatTiming)
    /// A login displaced it, or a kick ended it: it is not to come back by itself. `by` is the session of that
    /// login; nil for a kick, and where that session is over too.
    case ended(by: SessionID?)
    /// It was lost, logged out, or is forgotten: the client may log in anew.
    case gone
    /// Refused: the usersig the client showed was issued before a kick that revoked it.
    case revoked
    /// Left undone: a later attempt of the same client was here first.
    case late
}

/// A session and whose it is.
package struct UserSession: Hashable, Sendable {
    package var user: UserID
    package var session: SessionID

    package init(user: UserID, session: SessionID) {
        self.user = user
        self.session = session
    }
}

/// What became of the sessions that do not go on as they did, each kind in the order given.
package struct SessionsAnswer: Sendable {
    /// Ended, superseded, never there or not readable.
    package var gone: [UserSession] = []
    /// Redis could not be asked for these: nothing is known of them.
    package var failed: [(session: UserSession, error: StoreError)] = []

    package init() {}
}

/// How a disconnect or logout left the session. A session that never was is Offline.
package struct SessionAnswer: Sendable, Equatable {
    package var status: Status
    package var userStatus: Status
    package var version: Int
    /// The device has logged in again since, or the session goes on through another socket: nothing was changed.
    package var superseded: Bool
}

package struct KickAnswer: Sendable, Equatable {
    package var userStatus: Status
    package var version: Int
    package var kicked: [SessionID]
}

/// Live numbers, summed over all shards.
package struct PresenceCounts: Sendable, Equatable {
    /// Sessions by status, then platform.
    package var sessions: [Status: [Platform: Int]] = [:]
    /// Users by status; Offline users are not counted.
    package var users: [Status: Int] = [:]

    package init() {}
}
