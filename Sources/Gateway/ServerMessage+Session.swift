import PresenceCore
import PresenceProtocol

extension ServerMessage {
    static func welcome(_ session: SessionID, version: Int, _ timing: HeartbeatTiming, resumed: Bool) -> ServerMessage {
        .welcome(
            Welcome(
                session: session.description, version: version, intervalSeconds: Double(timing.intervalMs) / 1_000,
                timeoutSeconds: Double(timing.timeoutMs) / 1_000, isResumed: resumed))
    }

    /// Forced offline by a login of that session, or, without one, by an operator.
    static func kicked(by session: SessionID?, note: String?) -> ServerMessage {
        guard let session else { return .kicked(by: .operator(reason: note)) }
        return .kicked(by: .session(platform: session.platform.name, instance: session.instance.rawValue))
    }

    static func error(_ code: ErrorCode, detail: String, field: String? = nil) -> ServerMessage {
        .error(Problem(code, detail: detail, field: field))
    }
}
