/// What the gateway says to a client.
package enum ServerMessage: Equatable, Sendable {
    case welcome(Welcome)
    /// A heartbeat is recorded.
    case heartbeat
    /// The client was not heard for longer than its interval: one that is alive answers with a heartbeat.
    case heartbeatWanted
    /// A heartbeat came and Redis does not have it: the socket lives, the session's timeout runs on.
    case unrecorded
    /// The session is logged out.
    case logout
    case kicked(by: Kicker)
    /// What is wrong, before a close; without one the connection goes on.
    case error(Problem)
    /// Of a type this version does not know: a newer gateway may say it.
    case unknown(type: String)

    package enum Kind: String, CaseIterable, Sendable {
        case welcome, heartbeat, unrecorded, logout, kicked, error
    }

    /// Logged in, or going on.
    package struct Welcome: Equatable, Sendable {
        /// To come back with.
        package var session: String
        /// Of the user's last change; a client has no use for it, its app's backend may.
        package var version: Int
        /// How often a heartbeat is due, and after how long a silence the client is lost.
        package var intervalSeconds: Double
        package var timeoutSeconds: Double
        /// The session the client came with goes on.
        package var isResumed: Bool

        package init(
            session: String, version: Int, intervalSeconds: Double, timeoutSeconds: Double, isResumed: Bool
        ) {
            self.session = session
            self.version = version
            self.intervalSeconds = intervalSeconds
            self.timeoutSeconds = timeoutSeconds
            self.isResumed = isResumed
        }
    }

    /// Who forced the client offline.
    package enum Kicker: Equatable, Sendable {
        /// The login of that device.
        case session(platform: String, instance: String)
        case `operator`(reason: String?)
    }

    package struct Problem: Equatable, Sendable {
        package var code: ErrorCode
        /// For people.
        package var detail: String
        /// The parameter or member that is to blame.
        package var field: String?

        package init(_ code: ErrorCode, detail: String, field: String? = nil) {
            self.code = code
            self.detail = detail
            self.field = field
        }
    }

    /// An open list: a newer gateway may have others.
    package struct ErrorCode: RawRepresentable, Hashable, Sendable {
        package let rawValue: String

        package init(rawValue: String) { self.rawValue = rawValue }

        package static let unknownType = ErrorCode(rawValue: "unknown-type")
        package static let invalidField = ErrorCode(rawValue: "invalid-field")
        package static let invalidMessage = ErrorCode(rawValue: "invalid-message")
        package static let unauthorized = ErrorCode(rawValue: "unauthorized")
        package static let loginRejected = ErrorCode(rawValue: "login-rejected")
        package static let redisUnavailable = ErrorCode(rawValue: "redis-unavailable")
        package static let overloaded = ErrorCode(rawValue: "overloaded")
        package static let rateLimited = ErrorCode(rawValue: "rate-limited")

        package static let all = [
            unknownType, invalidField, invalidMessage, unauthorized, loginRejected, redisUnavailable, overloaded,
            rateLimited,
        ]
    }
}
