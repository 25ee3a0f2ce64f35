/// What a server says about itself in INFO, and whether it can be relied on.
package struct RedisServerInfo: Sendable, Equatable {
    /// For people: `Redis 7.0.15` or `Valkey 8.0.1`.
    package let software: String
    package let role: String
    package let evictionPolicy: String
    package let isLoading: Bool
    package let isCluster: Bool
    /// What works but endangers data, as sentences for the log.
    package let warnings: [String]

    private let majorVersion: Int
    private let isValkey: Bool

    /// Reads the `name:value` lines of INFO; what is absent is taken for unsupported, not for fine.
    package init(_ info: String) {
        var fields: [Substring: String] = [:]
        for line in info.split(whereSeparator: \.isNewline) {
            guard let colon = line.firstIndex(of: ":") else { continue }
            fields[line[..<colon]] = String(line[line.index(after: colon)...])
        }
        let version = fields["redis_version"] ?? "0"
        majorVersion = version.split(separator: ".").first.flatMap { Int($0) } ?? 0
        isValkey = fields["server_name"] == "valkey"
        software = isValkey ? "Valkey \(fields["valkey_version"] ?? version)" : "Redis \(version)"
        role = fields["role"] ?? "unknown"
        evictionPolicy = fields["maxmemory_policy"] ?? "unknown"
        isLoading = fields["loading"] == "1"
        isCluster = fields["cluster_enabled"] == "1"
        warnings = [
            fields["aof_enabled"] == "1"
                ? nil : "Redis writes no append-only file and may lose changes when it stops. Set appendonly yes.",
            fields["aof_last_write_status", default: "ok"] == "ok"
                ? nil : "Redis cannot write its append-only file. Free its disk and read its log.",
            fields["rdb_last_bgsave_status", default: "ok"] == "ok"
                ? nil : "Redis cannot save its snapshot. Free its disk and read its log.",
        ].compactMap(\.self)
    }

    /// - Throws: `RedisError` naming the first thing that must be changed before this server can be used.
    package func check(allowEviction: Bool) throws(RedisError) {
        guard majorVersion >= 7 || isValkey else {
            throw .unsupported("\(software) is too old. Install Redis 7.0 or newer, or Valkey.")
        }
        guard !isCluster else {
            throw .unsupported(
                "Redis runs in cluster mode, which is not supported yet. Point redis.url at a server with cluster-enabled no."
            )
        }
        guard !isLoading else { throw RedisError(RedisReplyError(message: "LOADING")) }
        guard role == "master" else {
            throw .unsupported("Redis has the role \(role). Point redis.url at the master.")
        }
        guard evictionPolicy == "noeviction" || allowEviction else {
            throw .unsupported(
                "Redis has maxmemory-policy \(evictionPolicy) and may evict live data. Set maxmemory-policy noeviction."
            )
        }
    }
}

extension RedisError {
    fileprivate static func unsupported(_ message: String) -> RedisError { RedisError(.unsupportedServer, message) }
}
