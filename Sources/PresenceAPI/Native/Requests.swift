import JSON
import PresenceCore
import PresenceStore

// What callers send. Reading checks the shape, and whatever the methods here turn into checked values when they are
// called; both name the field of what they refuse.

struct LoginRequest: JSONReadable {
    var user: String
    var platform: String
    var instance: String?
    var address: String?
    var network: String?
    var version: String?
    var userSig: String?

    init(from json: inout JSONReader) throws(JSONError) {
        var (user, platform): (String?, String?)
        try json.beginObject()
        while let name = try json.nextMember() {
            switch name {
            case "user": user = try json.string()
            case "platform": platform = try json.string()
            case "instance": instance = try json.stringOrNull()
            case "address": address = try json.stringOrNull()
            case "network": network = try json.stringOrNull()
            case "version": version = try json.stringOrNull()
            case "userSig": userSig = try json.stringOrNull()
            default: try json.skip()
            }
        }
        self.user = try json.required(user, "user")
        self.platform = try json.required(platform, "platform")
    }

    func details() throws(InvalidInput) -> ClientDetails {
        try ClientDetails(address: address, network: network, version: version)
    }
}

/// Names one session of one user. Its platform may be one that is no longer configured: on record it goes on.
extension UserSession: JSONReadable {
    package init(from json: inout JSONReader) throws(JSONError) {
        var (user, session): (UserID?, SessionID?)
        try json.beginObject()
        while let name = try json.nextMember() {
            switch name {
            case "user": user = try json.checked { text throws(InvalidInput) in try UserID(text) }
            case "session": session = try json.checked { text throws(InvalidInput) in try SessionID(text) }
            default: try json.skip()
            }
        }
        self.init(user: try json.required(user, "user"), session: try json.required(session, "session"))
    }
}

struct HeartbeatsRequest: JSONReadable {
    var sessions: [UserSession]

    init(from json: inout JSONReader) throws(JSONError) {
        var sessions: [UserSession]?
        try json.beginObject()
        while let name = try json.nextMember() {
            if name == "sessions" { sessions = try json.array(of: UserSession.self) } else { try json.skip() }
        }
        self.sessions = try json.required(sessions, "sessions")
    }

    func checkCount() throws(InvalidInput) {
        guard (1...APILimits.heartbeatsPerCallMax).contains(sessions.count) else {
            throw InvalidInput(field: "sessions", message: "must be 1 to \(APILimits.heartbeatsPerCallMax) sessions")
        }
    }
}

struct KickRequest {
    var platform: String?
    var instance: String?
    var reason: String?

    func note() throws(InvalidInput) -> String? { try KickNote.checked(reason) }
}

/// The reason of a kick, which its client and the event log are told.
package enum KickNote {
    /// - Returns: nil where there is none.
    package static func checked(_ reason: String?) throws(InvalidInput) -> String? {
        guard let reason, !reason.isEmpty else { return nil }
        guard reason.utf8.count <= APILimits.reasonBytesMax, !reason.containsControlCharacter else {
            throw InvalidInput(
                field: "reason",
                message: "must be at most \(APILimits.reasonBytesMax) bytes of UTF-8 without control characters")
        }
        return reason
    }
}

extension KickRequest: JSONReadable {
    init(from json: inout JSONReader) throws(JSONError) {
        self.init()
        try json.beginObject()
        while let name = try json.nextMember() {
            switch name {
            case "platform": platform = try json.stringOrNull()
            case "instance": instance = try json.stringOrNull()
            case "reason": reason = try json.stringOrNull()
            // Without it more sessions would end than meant.
            default: throw json.refused("is no field of a kick, which takes platform, instance, reason")
            }
        }
    }
}

/// The body of an order that is about all there is: nothing may narrow it.
struct NoFields: JSONReadable {
    init() {}

    init(from json: inout JSONReader) throws(JSONError) {
        try json.beginObject()
        while try json.nextMember() != nil { throw json.refused("is no field of this call, which takes none") }
    }
}

struct StatusesRequest: JSONReadable {
    var users: [String]
    var detail: Bool?

    init(from json: inout JSONReader) throws(JSONError) {
        var users: [String]?
        try json.beginObject()
        while let name = try json.nextMember() {
            switch name {
            case "users": users = try json.strings()
            case "detail": detail = try json.boolOrNull()
            default: try json.skip()
            }
        }
        self.users = try json.required(users, "users")
    }

    func checkCount() throws(InvalidInput) {
        guard (1...APILimits.usersPerQueryMax).contains(users.count) else {
            throw InvalidInput(field: "users", message: "must be 1 to \(APILimits.usersPerQueryMax) user ids")
        }
    }
}
