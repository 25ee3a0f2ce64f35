/// A committed change as it stands in Redis.
package struct Change: Codable, Sendable, Equatable {
    package var id: String
    package var user: String
    package var version: Int
    package var previous: Int
    /// Redis time in milliseconds.
    package var atMs: Int
    package var action: String
    package var reason: String
    package var session: String
    package var status: String
    package var userStatus: String
    /// The sessions a login displaced.
    package var kicked: [String]
    /// Of a session that fell silent, since when that was due.
    package var note: String

    package init(
        id: String, user: String, version: Int, previous: Int, atMs: Int, action: String, reason: String,
        session: String, status: String, userStatus: String, kicked: [String] = [], note: String = ""
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
        self.kicked = kicked
        self.note = note
    }

    /// `Login/Register`
    package var what: String { "\(action)/\(reason)" }
}

/// One attempt of a delivery, as the receiver saw it.
package struct ReceivedPost: Codable, Sendable, Equatable {
    package var id: String
    package var user: String
    package var version: Int
    package var previous: Int
    package var atMs: Int
    package var action: String
    package var reason: String
    /// `<platform>:<instance>`
    package var device: String
    package var status: String
    package var userStatus: String
    /// As it came.
    package var body: String
    package var heardMs: RunMs
    /// The receiver has it, whatever it answered.
    package var isTaken: Bool

    package init(
        id: String, user: String, version: Int, previous: Int, atMs: Int, action: String, reason: String,
        device: String, status: String, userStatus: String, body: String, heardMs: RunMs, isTaken: Bool
    ) {
        self.id = id
        self.user = user
        self.version = version
        self.previous = previous
        self.atMs = atMs
        self.action = action
        self.reason = reason
        self.device = device
        self.status = status
        self.userStatus = userStatus
        self.body = body
        self.heardMs = heardMs
        self.isTaken = isTaken
    }

    /// The event's id is `<generation>-<version>`.
    package var session: String { "\(device):\(id.prefix { $0 != "-" })" }
}
