import JSON
import PresenceCore
import PresenceProtocol
import PresenceStore

/// Why a client is not let in: how its socket is closed, and what it is told before.
struct Refusal: Error, Equatable {
    var code: CloseCode
    var error: ServerMessage.ErrorCode
    var detail: String
    var field: String?
    /// How the operator hears of it, if at all.
    var warning: RefusalWarning?
}

extension Refusal {
    init(_ invalid: InvalidInput) {
        self.init(
            code: .invalidRequest, error: .invalidField, detail: "\(invalid.field) \(invalid.message)",
            field: invalid.field, warning: .invalidRequest)
    }

    /// Of a text that is no message, or of one that lacks something.
    init(_ error: JSONError) {
        switch error.kind {
        case .missing("token"): self.init(InvalidInput(field: "token", message: "must be a string"))
        case .refused("token", let message): self.init(InvalidInput(field: "token", message: message))
        case .missing, .refused, .malformed: self = .invalidMessage
        }
    }

    init(_ error: StoreError) {
        let isBusy = error.code == .overloaded || error.code == .contended
        self.init(code: .tryAgainLater, error: isBusy ? .overloaded : .redisUnavailable, detail: error.message)
    }

    static func unauthorized(_ detail: String, warning: RefusalWarning? = nil) -> Refusal {
        Refusal(code: .unauthorized, error: .unauthorized, detail: detail, warning: warning)
    }

    static let overloaded = Refusal(
        code: .tryAgainLater, error: .overloaded, detail: "This worker has too many connections; try again.",
        warning: .workerIsFull)
    static let tooManyLogins = Refusal(
        code: .tryAgainLater, error: .overloaded, detail: "Too many clients log in at this moment; try again.",
        warning: .tooManyLogins)
    static let openingTooSlow = Refusal(
        code: .tryAgainLater, error: .overloaded, detail: "The session could not be opened in time; try again.")
    static let tooManyOfAddress = Refusal(
        code: .tooManyConnections, error: .overloaded, detail: "Too many connections of this address; try again later.",
        warning: .addressIsFull)
    static let tooManyBadTokens = Refusal(
        code: .tooManyConnections, error: .rateLimited,
        detail: "Too many tokens of this address were not valid; try again later.", warning: .badTokens)
    static let stopping = Refusal(
        code: .restart, error: .overloaded, detail: "This worker is stopping; come back to another.")
    static let invalidMessage = Refusal(
        code: .invalidRequest, error: .invalidMessage, detail: "a message is a JSON object with a type")
    static let originNotAllowed = Refusal(
        code: .originNotAllowed, error: .unauthorized, detail: "Pages of this origin may not connect.",
        warning: .originNotAllowed)
    static let loginRejected = Refusal(
        code: .loginRejected, error: .loginRejected,
        detail: "Too many sessions are logged in: log one of them out, then try again.")
    static let cannotVerify = Refusal.unauthorized(
        "The service cannot verify tokens: configure app.secret-key, connect.jwt-secrets or connect.jwt-public-keys.",
        warning: .cannotVerify)
    static let revoked = Refusal.unauthorized("The token was issued before a kick: issue a new one.")
}
