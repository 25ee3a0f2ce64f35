import PresenceCore
import PresenceStore

// What callers send. Decoding checks the shape; the methods here turn it into checked values, naming
// the field of what they refuse.

struct LoginRequest: Decodable {
    var user: String
    var platform: String
    var instance: String?
    var address: String?
    var network: String?
    var version: String?
    var userSig: String?

    func details() throws(InvalidInput) -> ClientDetails {
        try ClientDetails(address: address, network: network, version: version)
    }
}

/// Names one session of one user. Its platform may be one that is no longer configured: on record it goes on.
struct SessionRequest: Decodable {
    var user: String
    var session: String

    func checked() throws(InvalidInput) -> UserSession {
        UserSession(user: try UserID(user), session: try SessionID(session))
    }
}

struct HeartbeatsRequest: Decodable {
    var sessions: [SessionRequest]

    func checked() throws(InvalidInput) -> [UserSession] {
        guard (1...APILimits.heartbeatsPerCallMax).contains(sessions.count) else {
            throw InvalidInput(field: "sessions", message: "must be 1 to \(APILimits.heartbeatsPerCallMax) sessions")
        }
        var named: [UserSession] = []
        named.reserveCapacity(sessions.count)
        for (index, session) in sessions.enumerated() {
            do {
                named.append(try session.checked())
            } catch {
                throw InvalidInput(field: "sessions[\(index)].\(error.field)", message: error.message)
            }
        }
        return named
    }
}

struct KickRequest: Decodable {
    var platform: String?
    var instance: String?
    var reason: String?

    func note() throws(InvalidInput) -> String? {
        guard let reason, !reason.isEmpty else { return nil }
        guard reason.utf8.count <= APILimits.reasonBytesMax, !reason.containsControlCharacter else {
            throw InvalidInput(
                field: "reason",
                message: "must be at most \(APILimits.reasonBytesMax) bytes of UTF-8 without control characters")
        }
        return reason
    }
}

struct StatusesRequest: Decodable {
    var users: [String]
    var detail: Bool?

    func checkCount() throws(InvalidInput) {
        guard (1...APILimits.usersPerQueryMax).contains(users.count) else {
            throw InvalidInput(field: "users", message: "must be 1 to \(APILimits.usersPerQueryMax) user ids")
        }
    }
}
