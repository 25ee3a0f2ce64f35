import PresenceCore

/// Names and addresses of machines.
enum HostName {
    /// Whether a text is an IPv4 or IPv6 address, or can be a name in the DNS.
    static func isValid(_ text: String) -> Bool {
        if NetworkAddress(text) != nil { return true }
        let labels = text.split(separator: ".", omittingEmptySubsequences: false)
        let isName = labels.allSatisfy { label in
            (1...63).contains(label.utf8.count) && label.utf8.allSatisfy { $0.isAlphanumeric || "-_".utf8.contains($0) }
                && label.first != "-" && label.last != "-"
        }
        return isName && text.utf8.count <= 253 && !NetworkAddress.isNumberInDisguise(text)
    }
}
