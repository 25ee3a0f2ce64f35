import Foundation

/// An IP address of a client. However it was spelled, the same address is the same value: IPv4 written as IPv6
/// (`::ffff:203.0.113.7`) is IPv4, and there is one way of writing each.
package struct NetworkAddress: Hashable, Sendable, CustomStringConvertible {
    /// 4 of IPv4, 16 of IPv6.
    private let bytes: [UInt8]

    private static let mappedIPv4: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]

    private init(bytes: [UInt8]) { self.bytes = bytes }

    /// Reads `203.0.113.7`, `2001:db8::7` or `fe80::7%eth0`, whose zone means something on its own machine only and is
    /// left out; nil for anything else.
    package init?(_ text: String) {
        // C reads up to a NUL.
        guard !text.utf8.contains(0) else { return nil }
        var bytes = [UInt8](repeating: 0, count: 16)
        if inet_pton(AF_INET, text, &bytes) == 1 {
            self.init(bytes: Array(bytes.prefix(4)))
            return
        }
        let parts = text.utf8.split(separator: UInt8(ascii: "%"), maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 1 || !parts[1].isEmpty, inet_pton(AF_INET6, String(Substring(parts[0])), &bytes) == 1
        else { return nil }
        self.init(bytes: bytes.starts(with: Self.mappedIPv4) ? Array(bytes.suffix(4)) : bytes)
    }

    package var description: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        inet_ntop(bytes.count == 4 ? AF_INET : AF_INET6, bytes, &text, socklen_t(text.count))
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// Whether a host is read as an IPv4 address although it is none in full, as `127.1` or `0x7f000001` (WHATWG URL
    /// Standard, "ends in a number").
    package static func isNumberInDisguise(_ host: some StringProtocol) -> Bool {
        var labels = host.split(separator: ".", omittingEmptySubsequences: false)
        if labels.count > 1, labels.last == "" { labels.removeLast() }
        guard let last = labels.last?.lowercased() else { return false }
        let isNumber =
            last.hasPrefix("0x")
            ? last.dropFirst(2).allSatisfy("0123456789abcdef".contains)
            : !last.isEmpty && last.allSatisfy("0123456789".contains)
        return isNumber && NetworkAddress(String(host)) == nil
    }

    /// What counts as one address: of IPv6 the first 64 bits, as everybody who has an address has all of that network.
    package var network: String {
        guard bytes.count == 16 else { return description }
        return "\(NetworkAddress(bytes: bytes.prefix(8) + [UInt8](repeating: 0, count: 8)))/64"
    }

    /// The network of an address as text; of what is none, the text.
    package static func network(of address: String) -> String { NetworkAddress(address)?.network ?? address }
}
