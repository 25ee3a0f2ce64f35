/// The request a client connects with: `GET /v1/connect?user=ann&platform=Web`.
package enum ConnectQuery {
    package static let path = "/v1/connect"
    /// The subprotocol a client may offer, with `token.<its token>` beside it.
    package static let subprotocol = "presence"
    package static let tokenSubprotocolPrefix = "token."

    /// What the query may say; the limits stand with the values they become.
    package enum Parameter: String, CaseIterable, Sendable {
        case user, platform, instance, session, attempt, version, network, token
    }

    /// Path and query of the request.
    /// - Parameters:
    ///   - base: what stands before the path, as of a proxy that serves others, too; it does not end with a slash.
    ///   - values: those that are nil are left out.
    package static func target(under base: String = "", _ values: [(Parameter, String?)]) -> String {
        var target = base + path
        var separator = "?"
        for case (let name, let value?) in values {
            target += "\(separator)\(name.rawValue)=\(percentEncoded(value))"
            separator = "&"
        }
        return target
    }

    /// Every byte but the unreserved ones of RFC 3986 as `%XX`.
    private static func percentEncoded(_ text: String) -> String {
        var encoded = ""
        for byte in text.utf8 {
            if byte.isUnreserved {
                encoded.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                encoded += (byte < 0x10 ? "%0" : "%") + String(byte, radix: 16, uppercase: true)
            }
        }
        return encoded
    }
}

extension UInt8 {
    fileprivate var isUnreserved: Bool {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "~"):
            true
        default: false
        }
    }
}
