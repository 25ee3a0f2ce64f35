import Foundation

/// Addresses of clients.
package enum NetworkAddress {
    /// What counts as one address: of IPv6 the first 64 bits, as everybody who has an address has all of that network.
    package static func network(of address: String) -> String {
        var bytes = [UInt8](repeating: 0, count: 16)
        guard inet_pton(AF_INET6, address, &bytes) == 1 else { return address }
        let isIPv4 = bytes.starts(with: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF])
        return isIPv4 ? address : bytes.prefix(8).map { String($0, radix: 16) }.joined(separator: ":")
    }
}
