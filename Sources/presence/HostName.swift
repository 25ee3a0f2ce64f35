import Foundation
import PresenceCore

/// Names and addresses of machines.
enum HostName {
    /// Whether a text is an IPv4 or IPv6 address, or can be a name in the DNS.
    static func isValid(_ text: String) -> Bool {
        var bytes = [UInt8](repeating: 0, count: 16)
        if inet_pton(AF_INET, text, &bytes) == 1 || inet_pton(AF_INET6, text, &bytes) == 1 { return true }
        let labels = text.split(separator: ".", omittingEmptySubsequences: false)
        let isName = labels.allSatisfy { label in
            (1...63).contains(label.utf8.count) && label.utf8.allSatisfy { $0.isAlphanumeric || "-_".utf8.contains($0) }
                && label.first != "-" && label.last != "-"
        }
        // What ends with a number is an address, and was found to be none.
        return isName && text.utf8.count <= 253 && labels.last.map { Int($0) == nil } ?? false
    }
}
