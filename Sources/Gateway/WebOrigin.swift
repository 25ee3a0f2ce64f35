import Foundation
import PresenceCore

/// Where a web page comes from, as browsers say it in `Origin`: scheme and host in lower case, the port only where it
/// is not the scheme's own, nothing behind it.
package struct WebOrigin: Hashable, Sendable, CustomStringConvertible {
    package let description: String

    /// Takes what means an origin however it is spelled, and refuses what no browser sends.
    /// - Throws: what it must be, as it ends "must be ...".
    package init(_ text: String, field: String = "connect.origins") throws(InvalidInput) {
        func refused(_ rule: String) -> InvalidInput { InvalidInput(field: field, message: rule) }
        if text == "*" { throw refused("left out if pages of all origins may connect") }
        if text == "null" {
            throw refused("the origins of your pages: any page can make itself one whose origin is null")
        }
        let lower = text.lowercased()
        guard let separator = lower.firstRange(of: "://"), lower[..<separator.lowerBound].isScheme else {
            throw refused("an origin with its scheme, as https://example.org")
        }
        let scheme = lower[..<separator.lowerBound]
        guard scheme != "ws", scheme != "wss" else {
            throw refused("the origin of a page, as https://example.org, not of the socket it opens")
        }
        var rest = lower[separator.upperBound...]
        if rest.hasSuffix("/") { rest.removeLast() }
        var port: Substring?
        if let colon = rest.lastIndex(of: ":"), !rest[colon...].contains("]") {
            port = rest[rest.index(after: colon)...]
            rest = rest[..<colon]
        }
        guard let host = Self.host(rest) else {
            throw refused(
                "scheme, host and if need be port, as https://example.org:8443, without a path, login or *; names "
                    + "beyond ASCII as browsers send them (xn--...)")
        }
        guard let number = port.map({ Int(digits: $0) }) ?? 0, port == nil || (1...65_535).contains(number) else {
            throw refused("an origin whose port, if any, is from 1 to 65535")
        }
        let own = ["http": 80, "https": 443][scheme]
        description = "\(scheme)://\(host)" + (port == nil || number == own ? "" : ":\(number)")
    }

    private static func host(_ text: Substring) -> String? {
        if text.hasPrefix("["), text.hasSuffix("]") {
            return canonicalIPv6(String(text.dropFirst().dropLast())).map { "[\($0)]" }
        }
        let isHost = !text.isEmpty && text.utf8.allSatisfy { $0.isAlphanumeric || "-._".utf8.contains($0) }
        return isHost ? String(text) : nil
    }

    private static func canonicalIPv6(_ text: String) -> String? {
        var address = in6_addr()
        guard inet_pton(AF_INET6, text, &address) == 1 else { return nil }
        var bytes = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        guard inet_ntop(AF_INET6, &address, &bytes, socklen_t(bytes.count)) != nil else { return nil }
        return String(decoding: bytes.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self)
    }
}

extension Substring {
    /// RFC 3986, in lower case.
    fileprivate var isScheme: Bool {
        utf8.first.map { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) } ?? false
            && utf8.allSatisfy { $0.isAlphanumeric || "+-.".utf8.contains($0) }
    }
}
