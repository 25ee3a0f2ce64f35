import Foundation
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

    var text: String {
        switch self {
        case .heartbeat: #"{"type":"heartbeat"}"#
        case .unrecorded: #"{"type":"unrecorded"}"#
        case .heartbeatWanted: #"{"type":"heartbeat","wanted":true}"#
        case .logout: #"{"type":"logout"}"#
        case .welcome(let session, let version, let timing, let resumed):
            Self.json(
                Welcome(
                    session: "\(session)", version: version,
                    heartbeat: .init(
                        intervalSeconds: Double(timing.intervalMs) / 1_000,
                        timeoutSeconds: Double(timing.timeoutMs) / 1_000),
                    resumed: resumed))
        case .kicked(let session, let note):
            Self.json(
                Kicked(
                    by: session == nil ? "operator" : "session", platform: session?.platform.name,
                    instance: session?.instance.rawValue, reason: note))
        case .error(let code, let detail, let field):
            Self.json(Failure(code: code.rawValue, detail: detail, field: field))
        }
    }

    private struct Welcome: Encodable {
        var type = "welcome"
        var session: String
        var version: Int
        var heartbeat: Timing
        var resumed: Bool

        struct Timing: Encodable {
            var intervalSeconds: Double
            var timeoutSeconds: Double
        }
    }

    private struct Kicked: Encodable {
        var type = "kicked"
        var by: String
        var platform: String?
        var instance: String?
        var reason: String?
    }

    private struct Failure: Encodable {
        var type = "error"
        var code: String
        var detail: String
        var field: String?
    }

    private static func json(_ value: some Encodable) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(value) else {
            preconditionFailure("strings, whole numbers and finite seconds always encode")
        }
        return String(decoding: data, as: UTF8.self)
    }
}
