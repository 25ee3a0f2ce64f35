import Foundation

/// What a client says.
enum ClientMessage: Equatable, Sendable {
    case token(String)
    case heartbeat
    case logout
    /// Of a type this version does not know: a newer client may say it.
    case unknown(String)

    /// nil if the text is no message: not a JSON object, or one without a `type`.
    init?(_ text: String) {
        if text == #"{"type":"heartbeat"}"# {
            self = .heartbeat
            return
        }
        guard let fields = try? JSONDecoder().decode(Fields.self, from: Data(text.utf8)) else { return nil }
        switch fields.type {
        case "heartbeat": self = .heartbeat
        case "logout": self = .logout
        case "token":
            guard let token = fields.token else { return nil }
            self = .token(token)
        default: self = .unknown(fields.type)
        }
    }

    private struct Fields: Decodable {
        var type: String
        var token: String?
    }
}
