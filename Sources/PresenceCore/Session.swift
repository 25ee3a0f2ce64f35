/// What a client tells about itself at login; kept with the session for operators and the app.
package struct ClientDetails: Hashable, Sendable {
    package static let bytesMax = 128

    package var address: String?
    package var network: String?
    package var version: String?

    /// Each at most 128 bytes without control characters.
    package init(address: String? = nil, network: String? = nil, version: String? = nil) throws(InvalidInput) {
        self.address = try Self.checked(address, field: "address")
        self.network = try Self.checked(network, field: "network")
        self.version = try Self.checked(version, field: "version")
    }

    package static let unknown = ClientDetails()
    private init() {}

    private static func checked(_ text: String?, field: String) throws(InvalidInput) -> String? {
        guard let text, !text.isEmpty else { return nil }
        guard text.utf8.count <= bytesMax, !text.containsControlCharacter else {
            throw InvalidInput(
                field: field, message: "must be at most \(bytesMax) bytes of UTF-8 without control characters")
        }
        return text
    }
}

/// Which client of a device connects, and which of its attempts this is: `k3J9x.12`. Of one client a later attempt has
/// a higher number, so that one held up on its way is known for what it is when it arrives.
package struct Attempt: Hashable, Sendable, CustomStringConvertible {
    package let description: String

    /// 1 to 32 letters and digits, a dot, 1 to 15 digits.
    package init(_ text: String) throws(InvalidInput) {
        func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
        let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 2, 1...32 ~= parts[0].count, 1...15 ~= parts[1].count, parts[1].allSatisfy(isDigit),
            parts[0].allSatisfy({ isDigit($0) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0 | 0x20) })
        else {
            throw InvalidInput(
                field: "attempt", message: "must be 1 to 32 letters and digits, a dot and 1 to 15 digits")
        }
        description = text
    }
}

/// One logged-in device of a user, as its record in Redis says. Times are Redis time in milliseconds.
package struct Session: Hashable, Sendable {
    package var id: SessionID
    package var status: Status
    /// When it was logged in, Redis time in milliseconds; later than the user's logins before it, also in one millisecond.
    package var loginAtMs: Int
    package var changedAtMs: Int
    package var details: ClientDetails
    /// The worker that served the login, or the client's last return to the session.
    package var worker: String

    package init(
        id: SessionID, status: Status, loginAtMs: Int, changedAtMs: Int, details: ClientDetails, worker: String
    ) {
        self.id = id
        self.status = status
        self.loginAtMs = loginAtMs
        self.changedAtMs = changedAtMs
        self.details = details
        self.worker = worker
    }
}

/// A user's presence at one moment. `version` is that of the user's last change, 0 for a user not on record.
package struct UserPresence: Sendable {
    package var user: UserID
    package var version: Int
    /// Redis time of the user's last change in milliseconds; nil for a user not on record.
    package var changedAtMs: Int?
    /// In the order of login.
    package var sessions: [Session]

    package init(user: UserID, version: Int, changedAtMs: Int?, sessions: [Session]) {
        self.user = user
        self.version = version
        self.changedAtMs = changedAtMs
        self.sessions = sessions
    }

    package var status: Status { .ofUser(sessions.lazy.map(\.status)) }
}
