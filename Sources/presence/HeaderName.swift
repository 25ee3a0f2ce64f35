/// Names of HTTP headers.
enum HeaderName {
    /// Whether a header has a meaning of its own that is no client's address (IANA's registry, and what proxies add
    /// beside the address).
    static func saysOtherThings(_ name: String) -> Bool {
        let name = name.lowercased()
        return others.contains(name) || families.contains { name.hasPrefix($0) }
    }

    private static let families = ["accept", "access-control-", "content-", "if-", "proxy-", "sec-"]
    private static let others: Set<String> = [
        "authorization", "cache-control", "connection", "cookie", "date", "dnt", "expect", "host", "http2-settings",
        "keep-alive", "max-forwards", "origin", "pragma", "priority", "range", "referer", "te", "trailer",
        "transfer-encoding", "upgrade", "upgrade-insecure-requests", "user-agent", "via", "x-forwarded-host",
        "x-forwarded-port", "x-forwarded-proto", "x-forwarded-server", "x-request-id", "x-requested-with",
    ]
}
