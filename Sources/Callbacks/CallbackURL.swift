import Foundation
import PresenceCore

/// The receiver's address: `http` or `https`, a host, any path and query. The query is kept, what
/// describes the change is appended to it.
package struct CallbackURL: Sendable {
    package let isHTTPS: Bool
    /// A name or an address; IPv6 without brackets.
    let host: String
    let port: Int
    /// Host and, where it is not the scheme's own, port as they stand in a request.
    let authority: String
    /// Path and configured query of every request, up to where the first parameter of ours follows.
    private let target: String

    /// Refuses what would be dropped or leaked on the way: fragments, credentials, raw spaces.
    package init(_ text: String, field: String = "callback.url") throws(InvalidInput) {
        let scheme = text.prefix { $0 != ":" }.lowercased()
        let rest = text.dropFirst(scheme.count)
        let host = rest.dropFirst(3).prefix { !"/?#".contains($0) }
        guard ["http", "https"].contains(scheme), rest.hasPrefix("://"), !host.isEmpty else {
            throw InvalidInput(field: field, message: "must be an http or https URL")
        }
        guard !host.contains("@"), !text.contains("#"), text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw InvalidInput(
                field: field, message: "must be printable ASCII without credentials and without a fragment (#)")
        }
        guard let url = URL(string: text), let name = url.host, !name.isEmpty, (1...65_535).contains(url.port ?? 80)
        else {
            throw InvalidInput(field: field, message: "must have a host, and a port from 1 to 65535 if any")
        }
        isHTTPS = scheme == "https"
        let ownPort = isHTTPS ? 443 : 80
        self.host = name.filter { $0 != "[" && $0 != "]" }
        port = url.port ?? ownPort
        authority = (self.host.contains(":") ? "[\(self.host)]" : name) + (port == ownPort ? "" : ":\(port)")
        let path = url.path(percentEncoded: true)
        let query = url.query(percentEncoded: true) ?? ""
        target = (path.isEmpty ? "/" : path) + "?" + (query.isEmpty ? "" : query + "&")
    }

    /// What every request's target begins with: the path, the configured query, and what is the same for all changes.
    func targetPrefix(sdkAppID: Int) -> String {
        target + "SdkAppid=\(sdkAppID)&CallbackCommand=\(CallbackBody.command)&contenttype=json&ClientIP="
    }
}

extension StatusChange {
    /// Who caused the change, in the words of `OptPlatform`: the backend, or the platform of the session.
    var originName: String {
        switch reason {
        case .kicked, .expired: return "RESTAPI"
        case .register, .unregister, .linkClose, .timeOut: break
        }
        switch session.platform {
        case .iPhone: return "IOS"
        case .web, .miniProgram: return "Web"
        case .android, .windows, .mac, .iPad, .linux: return session.platform.name
        default: return "Unknown"
        }
    }
}

extension String {
    /// Appends a text with everything but RFC 3986's unreserved characters as `%XX` of its UTF-8 bytes.
    mutating func appendPercentEncoded(_ text: String) {
        if text.utf8.allSatisfy(\.isUnreserved) { return append(text) }
        for byte in text.utf8 {
            if byte.isUnreserved {
                unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                append("%")
                appendHex(byte, digits: .upper)
            }
        }
    }

    /// Appends a byte as two digits.
    mutating func appendHex(_ byte: UInt8, digits: HexDigits) {
        unicodeScalars.append(digits[byte >> 4])
        unicodeScalars.append(digits[byte & 0xF])
    }
}

/// The digits of numbers with the base 16.
enum HexDigits {
    case upper, lower

    /// - Parameter value: 0 to 15.
    subscript(value: UInt8) -> Unicode.Scalar {
        let letters = self == .upper ? UInt8(ascii: "A") : UInt8(ascii: "a")
        return Unicode.Scalar(value < 10 ? UInt8(ascii: "0") + value : letters + value - 10)
    }
}

extension UInt8 {
    fileprivate var isUnreserved: Bool {
        switch self {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "~"):
            true
        default: false
        }
    }
}
