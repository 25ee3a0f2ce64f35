import PresenceCore

/// The JSON a receiver gets for a change. Written by hand so that its bytes, which are signed, are the same
/// on every attempt and in every version of an encoder.
struct CallbackBody {
    static let command = "State.StateChange"

    let json: String

    init(_ change: StatusChange) {
        let info: [(String, String)] = [
            ("Action", change.action.rawValue.quoted), ("To_Account", change.user.rawValue.quoted),
            ("Reason", change.reason.rawValue.quoted),
        ]
        let presence: [(String, String)] = [
            ("id", change.id.quoted), ("version", String(change.version)), ("previous", String(change.previous)),
            ("platform", change.session.platform.name.quoted), ("instance", change.session.instance.rawValue.quoted),
            ("status", change.status.rawValue.quoted), ("userStatus", change.userStatus.rawValue.quoted),
        ]
        let kicked = change.kicked.map { Self.object([("Platform", $0.platform.displacedName.quoted)]) }
        json = Self.object(
            [
                ("CallbackCommand", Self.command.quoted), ("EventTime", String(change.atMs)),
                ("Info", Self.object(info)),
            ] + (kicked.isEmpty ? [] : [("KickedDevice", "[\(kicked.joined(separator: ","))]")]) + [
                ("Presence", Self.object(presence))
            ])
    }

    private static func object(_ fields: [(name: String, json: String)]) -> String {
        "{" + fields.map { "\"\($0.name)\":\($0.json)" }.joined(separator: ",") + "}"
    }
}

extension Platform {
    /// The platform in the words of `KickedDevice`, which has no name for some of ours.
    fileprivate var displacedName: String {
        switch self {
        case .iPhone: "iOS"
        case .miniProgram: "Web"
        default: name
        }
    }
}

extension String {
    /// As a JSON string.
    fileprivate var quoted: String {
        var json = "\""
        for scalar in unicodeScalars {
            switch scalar {
            case "\"", "\\":
                json += "\\\(scalar)"
            case "\0"..."\u{1F}":
                json += (scalar.value < 0x10 ? "\\u000" : "\\u00") + String(scalar.value, radix: 16)
            default:
                json.unicodeScalars.append(scalar)
            }
        }
        return json + "\""
    }
}
