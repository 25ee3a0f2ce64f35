import HTTPServer
import JSON
import NIOHTTP1
import PresenceCore
import PresenceStore
import UserSig

/// A failed call as the caller is told about it (RFC 9457). Everything but `underlying` is safe to show.
struct Problem: Error {
    let code: ProblemCode
    /// What is wrong and what to do about it, as a sentence.
    let detail: String
    /// The refused value's path in the request: `user`, `sessions[3].session`.
    var field: String?
    /// `login-rejected`: the sessions in the way.
    var sessions: [SessionID]?
    /// `method-not-allowed`: what the path does take.
    var allowed: [HTTPMethod] = []
    /// What the request is named by.
    var requestID: String?
    /// For the log only.
    var underlying: (any Error)?

    init(_ code: ProblemCode, _ detail: String) {
        self.code = code
        self.detail = detail
    }

    /// Whatever a handler threw.
    init(_ error: any Error) {
        switch error {
        case let error as Problem: self = error
        case let error as InvalidInput: self.init(field: error.field, error.message)
        case let error as JSONError: self.init(error)
        case let error as StoreError: self.init(error)
        case let error as UserSigError: self.init(.invalidUserSig, error.message)
        // Whoever asked has gone; nobody reads this.
        case is CancellationError: self.init(.overloaded, "The call was given up.")
        default:
            self.init(.internalError, "This is our fault; the service's log has the reason.")
            underlying = error
        }
    }

    /// A value that breaks a rule; `message` continues the sentence that starts with the field's name.
    init(field: String, _ message: String) {
        self.init(.invalidField, "`\(field)` \(message).")
        self.field = field
    }

    init(_ refusal: HTTPRefusal, _ limits: HTTPServerLimits) {
        switch refusal {
        case .malformed:
            self.init(
                .malformedRequest,
                "Send HTTP/1.1 in a form that cannot be read in two ways: a known method, one Host, a path in ASCII, "
                    + "lines that end in CR LF, and a body of one length.")
        case .headTooLarge:
            self.init(
                .headTooLarge, "Send at most \(limits.headBytesMax) bytes and \(limits.headerFieldsMax) fields as head."
            )
        case .bodyTooLarge: self.init(.bodyTooLarge, "Send at most \(limits.bodyBytesMax) bytes at once.")
        case .tooSlow: self.init(.requestTooSlow, "Send the request again, and to its end.")
        case .unsupportedVersion: self.init(.unsupportedVersion, "Send HTTP/1.1.")
        case .expectationFailed: self.init(.expectationFailed, "Expect 100-continue, or nothing.")
        }
    }

    private init(_ error: StoreError) {
        switch error.code {
        case .unavailable: self.init(.redisUnavailable, error.message)
        case .overloaded: self.init(.overloaded, error.message)
        case .contended: self.init(.contended, error.message)
        case .corrupt, .layout: self.init(.internalError, error.message)
        }
        underlying = error
    }
}

extension Problem: JSONWritable {
    func write(to json: inout JSONWriter) {
        json.object {
            $0.member("type", "urn:problem:presence:\(code.rawValue)")
            $0.member("title", code.meaning.title)
            $0.member("status", Int(code.meaning.status.code))
            $0.member("detail", detail)
            $0.member("code", code.rawValue)
            $0.member("field", ifPresent: field)
            $0.member("sessions", ifPresent: sessions)
            $0.member("requestId", ifPresent: requestID)
        }
    }

    var response: HTTPServerResponse {
        var headers = [(name: "Content-Type", value: "application/problem+json")]
        if let seconds = code.retryAfterSeconds { headers.append(("Retry-After", "\(seconds)")) }
        if let challenge = code.challenge { headers.append(("WWW-Authenticate", challenge)) }
        headers += code.upgradeHeaders
        if let requestID { headers.append((HTTPServerRequest.idHeader, requestID)) }
        if !allowed.isEmpty { headers.append(("Allow", allowed.map(\.rawValue).joined(separator: ", "))) }
        return HTTPServerResponse(code.meaning.status, headers: headers, body: json)
    }
}
