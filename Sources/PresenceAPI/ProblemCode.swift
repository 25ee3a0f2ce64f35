import NIOHTTP1

/// Every way a call can fail. The raw value is the `code` of the problem: stable, made for programs.
enum ProblemCode: String, Sendable, CaseIterable {
    case malformedRequest = "malformed-request"
    case headTooLarge = "head-too-large"
    case requestTooSlow = "request-too-slow"
    case unsupportedVersion = "unsupported-version"
    case expectationFailed = "expectation-failed"
    case invalidJSON = "invalid-json"
    case invalidField = "invalid-field"
    case unauthorized
    case readKeyNeeded = "read-key-needed"
    case writeKeyNeeded = "write-key-needed"
    case operateKeyNeeded = "operate-key-needed"
    case invalidUserSig = "invalid-usersig"
    case notFound = "not-found"
    case methodNotAllowed = "method-not-allowed"
    case loginRejected = "login-rejected"
    case noReceiver = "no-receiver"
    case cursorExpired = "cursor-expired"
    case bodyTooLarge = "body-too-large"
    case upgradeRequired = "upgrade-required"
    case internalError = "internal"
    case redisUnavailable = "redis-unavailable"
    case overloaded
    case contended

    /// The status and title all problems of this code have.
    var meaning: (status: HTTPResponseStatus, title: String) {
        switch self {
        case .malformedRequest: (.badRequest, "The request is no HTTP this service can read")
        case .headTooLarge: (.requestHeaderFieldsTooLarge, "The head of the request is too large")
        case .requestTooSlow: (.requestTimeout, "The request did not come to its end in time")
        case .unsupportedVersion: (.httpVersionNotSupported, "This service speaks HTTP/1.1")
        case .expectationFailed: (.expectationFailed, "The expectation cannot be met")
        case .invalidJSON: (.badRequest, "The body is not the JSON object this call needs")
        case .invalidField: (.badRequest, "A value is missing or not acceptable")
        case .unauthorized: (.unauthorized, "A valid API key is needed")
        case .readKeyNeeded: (.forbidden, "A key that may read is needed")
        case .writeKeyNeeded: (.forbidden, "A key that may write is needed")
        case .operateKeyNeeded: (.forbidden, "A key that may operate is needed")
        case .invalidUserSig: (.unauthorized, "The usersig does not let this user log in")
        case .notFound: (.notFound, "There is no such path")
        case .methodNotAllowed: (.methodNotAllowed, "This path does not take this method")
        case .loginRejected: (.conflict, "Other sessions stand in the way of this login")
        case .noReceiver: (.conflict, "Nobody is told of changes")
        case .cursorExpired: (.gone, "What this cursor goes on from is not kept any more")
        case .bodyTooLarge: (.payloadTooLarge, "The body is too large")
        case .upgradeRequired: (.upgradeRequired, "This path takes a WebSocket handshake")
        case .internalError: (.internalServerError, "The service failed")
        case .redisUnavailable: (.serviceUnavailable, "Redis cannot be asked")
        case .overloaded: (.serviceUnavailable, "A limit that protects the service is reached")
        case .contended: (.serviceUnavailable, "Too many logins of this user at once")
        }
    }

    /// The scheme of HTTP authentication a caller is asked for.
    var challenge: String? {
        switch self {
        case .unauthorized: "Bearer"
        case .invalidUserSig: "UserSig"
        default: nil
        }
    }

    /// What a caller is asked to speak instead.
    var upgradeHeaders: [(name: String, value: String)] {
        self == .upgradeRequired ? [("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")] : []
    }

    /// Seconds after which the same call is worth repeating; nil where repeating it cannot help.
    var retryAfterSeconds: Int? {
        switch self {
        case .redisUnavailable, .contended: 1
        case .overloaded: 5
        default: nil
        }
    }
}
