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
        guard !NetworkAddress.isNumberInDisguise(host) else {
            throw refused("an origin whose address is written in full, as http://127.0.0.1: so browsers send it")
        }
        guard let number = port.map({ Int(digits: $0) }) ?? 0, port == nil || (1...65_535).contains(number) else {
            throw refused("an origin whose port, if any, is from 1 to 65535")
        }
        let own = ["http": 80, "https": 443][scheme]
        description = "\(scheme)://\(host)" + (port == nil || number == own ? "" : ":\(number)")
    }

    private static func host(_ text: Substring) -> String? {
        if text.hasPrefix("["), text.hasSuffix("]") {
            // A zone, or IPv4 written as IPv6, is in no page's origin.
            let address = text.contains("%") ? nil : NetworkAddress(String(text.dropFirst().dropLast()))?.description
            return address.flatMap { $0.contains(":") ? "[\($0)]" : nil }
        }
        let isHost = !text.isEmpty && text.utf8.allSatisfy { $0.isAlphanumeric || "-._".utf8.contains($0) }
        return isHost ? String(text) : nil
    }
}

extension Substring {
    /// RFC 3986, in lower case.
    fileprivate var isScheme: Bool {
        utf8.first.map { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) } ?? false
            && utf8.allSatisfy { $0.isAlphanumeric || "+-.".utf8.contains($0) }
    }
}
