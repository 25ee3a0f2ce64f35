/// A message of the gateway.
enum ServerMessage: Equatable {
    case welcome(session: String, resumed: Bool, heartbeatInterval: Duration)
    /// Acknowledges a heartbeat, or asks for one.
    case heartbeat(wanted: Bool)
    /// The service could not ask its Redis to record a heartbeat: no acknowledgement, and a sign of life.
    case unrecorded
    case logout
    case kicked(PresenceClient.Event.Kicker)
    case error(code: String, detail: String)
    /// Of a newer service.
    case unknown
}

extension ServerMessage: Decodable {
    private enum Key: CodingKey {
        case type, session, resumed, heartbeat, intervalSeconds, wanted, by, platform, instance, reason, code, detail
    }

    init(from decoder: any Decoder) throws {
        let message = try decoder.container(keyedBy: Key.self)
        switch try message.decode(String.self, forKey: .type) {
        case "welcome":
            let heartbeat = try message.nestedContainer(keyedBy: Key.self, forKey: .heartbeat)
            let bounds = ClientLimits.heartbeatIntervalSeconds
            let seconds = try heartbeat.decode(Double.self, forKey: .intervalSeconds)
            self = .welcome(
                session: try message.decode(String.self, forKey: .session),
                resumed: try message.decodeIfPresent(Bool.self, forKey: .resumed) ?? false,
                heartbeatInterval: .seconds(min(max(seconds, bounds.lowerBound), bounds.upperBound)))
        case "heartbeat":
            self = .heartbeat(wanted: try message.decodeIfPresent(Bool.self, forKey: .wanted) ?? false)
        case "unrecorded":
            self = .unrecorded
        case "logout":
            self = .logout
        case "kicked":
            self = .kicked(try Self.kicker(message))
        case "error":
            self = .error(
                code: try message.decode(String.self, forKey: .code),
                detail: try message.decodeIfPresent(String.self, forKey: .detail) ?? "")
        default:
            self = .unknown
        }
    }

    private static func kicker(_ message: KeyedDecodingContainer<Key>) throws -> PresenceClient.Event.Kicker {
        guard try message.decode(String.self, forKey: .by) == "session" else {
            return .operator(reason: try message.decodeIfPresent(String.self, forKey: .reason))
        }
        return .session(
            platform: try message.decode(String.self, forKey: .platform),
            instance: try message.decode(String.self, forKey: .instance))
    }
}
