import NIOCore
import PresenceCore

/// The JSON a receiver gets for a change. Written by hand so that its bytes, which are signed, are the same
/// on every attempt and in every version of an encoder.
enum CallbackBody {
    static let command = "State.StateChange"

    /// Holds most bodies without growing.
    private static let bytesUsual = 512

    static func bytes(of change: StatusChange) -> ByteBuffer {
        var json = ByteBuffer()
        json.reserveCapacity(bytesUsual)
        json.writeStaticString(#"{"CallbackCommand":"State.StateChange","EventTime":"#)
        json.writeString(String(change.atMs))
        json.writeStaticString(#","Info":{"Action":"#)
        json.writeQuoted(change.action.rawValue)
        json.writeStaticString(#","To_Account":"#)
        json.writeQuoted(change.user.rawValue)
        json.writeStaticString(#","Reason":"#)
        json.writeQuoted(change.reason.rawValue)
        json.writeStaticString("}")
        if !change.kicked.isEmpty { json.writeKicked(change.kicked) }
        json.writeStaticString(#","Presence":{"id":"#)
        json.writeQuoted(change.id)
        json.writeStaticString(#","version":"#)
        json.writeString(String(change.version))
        json.writeStaticString(#","previous":"#)
        json.writeString(String(change.previous))
        json.writeStaticString(#","platform":"#)
        json.writeQuoted(change.session.platform.name)
        json.writeStaticString(#","instance":"#)
        json.writeQuoted(change.session.instance.rawValue)
        json.writeStaticString(#","status":"#)
        json.writeQuoted(change.status.rawValue)
        json.writeStaticString(#","userStatus":"#)
        json.writeQuoted(change.userStatus.rawValue)
        json.writeStaticString("}}")
        return json
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

extension ByteBuffer {
    fileprivate mutating func writeKicked(_ sessions: [SessionID]) {
        writeStaticString(#","KickedDevice":["#)
        for (index, session) in sessions.enumerated() {
            writeStaticString(index == 0 ? #"{"Platform":"# : #",{"Platform":"#)
            writeQuoted(session.platform.displacedName)
            writeStaticString("}")
        }
        writeStaticString("]")
    }

    /// As a JSON string.
    fileprivate mutating func writeQuoted(_ text: String) {
        writeStaticString("\"")
        if text.utf8.contains(where: \.needsEscape) {
            for byte in text.utf8 { writeEscaped(byte) }
        } else {
            writeString(text)
        }
        writeStaticString("\"")
    }

    private mutating func writeEscaped(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"):
            writeBytes([UInt8(ascii: "\\"), byte])
        case 0..<0x20:
            writeStaticString(byte < 0x10 ? "\\u000" : "\\u00")
            writeString(String(byte, radix: 16))
        default:
            writeInteger(byte)
        }
    }
}

extension UInt8 {
    fileprivate var needsEscape: Bool { self < 0x20 || self == UInt8(ascii: "\"") || self == UInt8(ascii: "\\") }
}
