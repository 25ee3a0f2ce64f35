import JSON
import PresenceCore
import PresenceStore

// What callers get. `openapi.json` describes these forms, and a test holds real answers against it.

extension SessionID: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("platform", platform.name)
            $0.member("instance", instance.rawValue)
            $0.member("session", description)
        }
    }
}

extension AcceptedLogin: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("session", session.description)
            $0.member("status", userStatus.rawValue)
            $0.member("version", version)
            $0.member("heartbeat", heartbeat)
            $0.member("kicked", kicked)
        }
    }
}

extension HeartbeatTiming: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("intervalSeconds", Double(intervalMs) / 1_000)
            $0.member("timeoutSeconds", Double(timeoutMs) / 1_000)
        }
    }
}

struct HeartbeatsResponse: JSONWritable {
    var renewed: Int
    var gone: [UserSession]
    /// Those Redis could not be asked for: to be sent again.
    var errors: [Failed]

    struct Failed: JSONWritable {
        let session: UserSession

        func write(to json: inout JSONWriter) {
            json.object {
                $0.member("user", session.user.rawValue)
                $0.member("session", session.session.description)
                $0.member("code", StatusesResponse.Failed.Code.unavailable.rawValue)
            }
        }
    }

    func write(to json: inout JSONWriter) {
        json.object {
            $0.member("renewed", renewed)
            $0.member("gone", gone)
            $0.member("errors", errors)
        }
    }
}

extension UserSession: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("user", user.rawValue)
            $0.member("session", session.description)
        }
    }
}

extension SessionAnswer: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("status", status.rawValue)
            $0.member("userStatus", userStatus.rawValue)
            $0.member("version", version)
            $0.member("superseded", superseded)
        }
    }
}

extension KickAnswer: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("status", userStatus.rawValue)
            $0.member("version", version)
            $0.member("kicked", kicked)
        }
    }
}

/// A user, with the sessions where they were asked for.
struct UserResponse: JSONWritable {
    var presence: UserPresence
    var withSessions: Bool

    func write(to json: inout JSONWriter) {
        json.object {
            $0.member("user", presence.user.rawValue)
            $0.member("status", presence.status.rawValue)
            $0.member("version", presence.version)
            $0.member("changedAt", presence.changedAtMs)
            $0.member("sessions", ifPresent: withSessions ? presence.sessions : nil)
        }
    }
}

extension Session: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("platform", id.platform.name)
            $0.member("instance", id.instance.rawValue)
            $0.member("session", id.description)
            $0.member("status", status.rawValue)
            $0.member("since", changedAtMs)
            $0.member("address", ifPresent: details.address)
            $0.member("network", ifPresent: details.network)
            $0.member("version", ifPresent: details.version)
        }
    }
}

struct StatusesResponse: JSONWritable {
    /// An id without an answer.
    struct Failed: JSONWritable {
        enum Code: String {
            /// It can name no user.
            case invalidUser = "invalid-user"
            /// Redis holds something under the user's key that this service did not write.
            case unreadableRecord = "unreadable-record"
            /// The Redis server that holds the user cannot be asked right now.
            case unavailable = "redis-unavailable"
        }

        var user: String
        var code: Code

        init(user: String, _ code: Code) {
            self.user = user
            self.code = code
        }

        func write(to json: inout JSONWriter) {
            json.object {
                $0.member("user", user)
                $0.member("code", code.rawValue)
            }
        }
    }

    var results: [UserResponse]
    var errors: [Failed]

    func write(to json: inout JSONWriter) {
        json.object {
            $0.member("results", results)
            $0.member("errors", errors)
        }
    }
}
