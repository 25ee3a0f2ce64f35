import JSON
import PresenceCore

/// What the gateway says to a client.
enum ServerMessage: Equatable, Sendable {
    case welcome(SessionID, version: Int, HeartbeatTiming, resumed: Bool)
    /// A heartbeat is recorded.
    case heartbeat
    /// A heartbeat came and Redis does not have it: the socket lives, the session's lease is not renewed.
    case unrecorded
    /// The client was not heard for longer than its interval: one that is alive answers with a heartbeat.
    case heartbeatWanted
    /// The logout is recorded.
    case logout
    /// Forced offline by a login of that session, or, without one, by an operator.
    case kicked(by: SessionID?, note: String?)
    case error(ErrorCode, detail: String, field: String? = nil)

    enum ErrorCode: String {
        case unknownType = "unknown-type"
        case invalidField = "invalid-field"
        case invalidMessage = "invalid-message"
        case unauthorized
        case loginRejected = "login-rejected"
        case redisUnavailable = "redis-unavailable"
        case overloaded
        case rateLimited = "rate-limited"
    }
}

extension ServerMessage: JSONWritable {
    func write(to json: inout JSONWriter) {
        json.object { json in
            switch self {
            case .heartbeat: json.member("type", "heartbeat")
            case .unrecorded: json.member("type", "unrecorded")
            case .heartbeatWanted:
                json.member("type", "heartbeat")
                json.member("wanted", true)
            case .logout: json.member("type", "logout")
            case .welcome(let session, let version, let timing, let resumed):
                json.member("type", "welcome")
                json.member("session", session.description)
                json.member("version", version)
                json.member("heartbeat") {
                    $0.member("intervalSeconds", Double(timing.intervalMs) / 1_000)
                    $0.member("timeoutSeconds", Double(timing.timeoutMs) / 1_000)
                }
                json.member("resumed", resumed)
            case .kicked(let session, let note):
                json.member("type", "kicked")
                json.member("by", session == nil ? "operator" : "session")
                json.member("platform", ifPresent: session?.platform.name)
                json.member("instance", ifPresent: session?.instance.rawValue)
                json.member("reason", ifPresent: note)
            case .error(let code, let detail, let field):
                json.member("type", "error")
                json.member("code", code.rawValue)
                json.member("detail", detail)
                json.member("field", ifPresent: field)
            }
        }
    }
}
