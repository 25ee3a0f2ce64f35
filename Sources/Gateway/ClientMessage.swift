import JSON
import NIOCore
import PresenceCore

/// What a client says.
enum ClientMessage: Equatable, Sendable {
    case token(String)
    case heartbeat
    case logout
    /// Of a type this version does not know: a newer client may say it.
    case unknown

    /// - Throws: `Refusal` of a text that is no message, or of one that lacks something.
    init(_ text: String) throws(Refusal) {
        if text == #"{"type":"heartbeat"}"# {
            self = .heartbeat
            return
        }
        do {
            self = try ClientMessage(json: ByteBuffer(string: text))
        } catch {
            switch error.kind {
            case .missing("token"): throw Refusal(InvalidInput(field: "token", message: "must be a string"))
            case .refused("token", let message): throw Refusal(InvalidInput(field: "token", message: message))
            default: throw .invalidMessage
            }
        }
    }
}

extension ClientMessage: JSONReadable {
    init(from json: inout JSONReader) throws(JSONError) {
        switch try json.string(ofMember: "type") {
        case "heartbeat": self = .heartbeat
        case "logout": self = .logout
        case "token": self = .token(try json.string(ofMember: "token"))
        default: self = .unknown
        }
        try json.skip()
    }
}
