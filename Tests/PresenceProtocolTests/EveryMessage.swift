import JSON
import NIOCore
import PresenceProtocol

/// One of each kind, with all the members it can have; a kind that is added has to be added here.
extension ClientMessage.Kind {
    var examples: [ClientMessage] {
        switch self {
        case .token: [.token("eyJ.\"\\\u{1}ü")]
        case .heartbeat: [.heartbeat]
        case .logout: [.logout]
        }
    }
}

extension ServerMessage.Kind {
    var examples: [ServerMessage] {
        switch self {
        case .welcome:
            [
                .welcome(
                    .init(
                        session: "Web:tab-1:k3J9", version: 1_795_253_203_597, intervalSeconds: 25,
                        timeoutSeconds: 60.5, isResumed: true)),
                .welcome(
                    .init(
                        session: "Web:default:g", version: 1, intervalSeconds: 0.1, timeoutSeconds: 1,
                        isResumed: false)),
            ]
        case .heartbeat: [.heartbeat, .heartbeatWanted]
        case .unrecorded: [.unrecorded]
        case .logout: [.logout]
        case .kicked:
            [
                .kicked(by: .session(platform: "iPhone", instance: "pocket")), .kicked(by: .operator(reason: "spam")),
                .kicked(by: .operator(reason: nil)),
            ]
        case .error:
            ServerMessage.ErrorCode.all.map { .error(.init($0, detail: "Say why.")) } + [
                .error(.init(.invalidField, detail: "user must be \"ü\"\n", field: "user"))
            ]
        }
    }
}

extension ClientMessage {
    /// As it is said.
    var text: String { String(buffer: json) }
}

extension ServerMessage {
    /// As it is said.
    var text: String { String(buffer: json) }
}
