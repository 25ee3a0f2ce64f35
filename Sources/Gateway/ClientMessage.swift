import Foundation
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
        let (decoder, data) = (JSONDecoder(), Data(text.utf8))
        guard let type = try? decoder.decode(Message.self, from: data).type else { throw .invalidMessage }
        switch type {
        case "heartbeat": self = .heartbeat
        case "logout": self = .logout
        case "token":
            guard let token = try? decoder.decode(Token.self, from: data).token else {
                throw Refusal(InvalidInput(field: "token", message: "must be a string"))
            }
            self = .token(token)
        default: self = .unknown
        }
    }

    private struct Message: Decodable {
        var type: String
    }

    private struct Token: Decodable {
        var token: String
    }
}
