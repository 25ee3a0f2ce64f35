import JSON
import NIOCore
import PresenceCore

/// The JSON a receiver gets for a change. Its bytes, which are signed, are the same on every attempt.
package enum CallbackBody {
    static let command = "State.StateChange"

    /// Holds most bodies without growing.
    private static let bytesUsual = 512

    package static func bytes(of change: StatusChange) -> ByteBuffer {
        var json = JSONWriter(bytesUsual: bytesUsual)
        json.object { json in
            json.member("CallbackCommand", command)
            json.member("EventTime", change.atMs)
            json.member("Info") {
                $0.member("Action", change.action.rawValue)
                $0.member("To_Account", change.user.rawValue)
                $0.member("Reason", change.reason.rawValue)
            }
            let displaced = change.kicked.map { ["Platform": $0.platform.displacedName] }
            json.member("KickedDevice", ifPresent: displaced.isEmpty ? nil : displaced)
            json.member("Presence") {
                $0.member("id", change.id)
                $0.member("version", change.version)
                $0.member("previous", change.previous)
                $0.member("platform", change.session.platform.name)
                $0.member("instance", change.session.instance.rawValue)
                $0.member("status", change.status.rawValue)
                $0.member("userStatus", change.userStatus.rawValue)
            }
        }
        return json.buffer
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
