// PresenceProtocol: what clients and gateway say to each other.
//
// Promises: whatever one side writes the other reads, as both are written here; members and types that are not known
// are passed over, so that a newer side can say more. When a client comes back is one table (`ClientRules`, `ComeBack`).
// A browser's client.js says and does the same, which a test holds it to.
// Does not: send, keep time, or know what a session or a user is.

import JSON
import NIOCore

/// What a client says.
package enum ClientMessage: Equatable, Sendable {
    /// The first message, where no token came with the request.
    case token(String)
    case heartbeat
    case logout
    /// Of a type this version does not know: a newer client may say it.
    case unknown(type: String)

    package enum Kind: String, CaseIterable, Sendable {
        case token, heartbeat, logout
    }

    /// - Throws: for a text that is no message, or lacks something.
    package init(_ text: String) throws(JSONError) {
        // What nearly all messages are needs no reader.
        if text == #"{"type":"heartbeat"}"# {
            self = .heartbeat
        } else {
            try self.init(json: ByteBuffer(string: text))
        }
    }
}

extension ClientMessage: JSONReadable, JSONWritable {
    @usableFromInline
    package init(from json: inout JSONReader) throws(JSONError) {
        let type = try json.string(ofMember: "type")
        switch Kind(rawValue: type) {
        case .token: self = .token(try json.string(ofMember: "token"))
        case .heartbeat: self = .heartbeat
        case .logout: self = .logout
        case nil: self = .unknown(type: type)
        }
        try json.skip()
    }

    package func write(to json: inout JSONWriter) {
        json.object { json in
            switch self {
            case .token(let token):
                json.member("type", Kind.token.rawValue)
                json.member("token", token)
            case .heartbeat: json.member("type", Kind.heartbeat.rawValue)
            case .logout: json.member("type", Kind.logout.rawValue)
            case .unknown(let type): json.member("type", type)
            }
        }
    }
}
