/// What a server says about itself in INFO, and whether it can be relied on.
package struct RedisServerInfo: Sendable, Equatable {
    /// Where it listens, where it was asked over a connection.
    package internal(set) var address: RedisAddress?
    /// For people: `Redis 7.0.15` or `Valkey 8.0.1`.
    package let software: String
    package let role: String
    package let evictionPolicy: String
    /// Whether the server refuses writes while too few replicas receive them.
    let demandsReplicas: Bool
    /// What works but endangers data, as sentences for the log.
    package let warnings: [String]

    private let majorVersion: Int
    private let isValkey: Bool
    private let isLoading: Bool
    private let isCluster: Bool
    private let isSentinel: Bool

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
        isSentinel = fields["redis_mode"] == "sentinel" || fields["server_mode"] == "sentinel"
        demandsReplicas = fields["min_slaves_good_slaves"] != nil
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
    package func check(as endpoint: RedisEndpoint, allowEviction: Bool) throws(RedisError) {
        guard !isSentinel else {
            throw .unsupported(
                "Redis is a sentinel. Write \(endpoint.isEncrypted ? "rediss" : "redis")+sentinel://host:26379/<master> in redis.url to follow the master it watches."
            )
        }
        guard majorVersion >= 7 || isValkey else {
            throw .unsupported("\(software) is too old. Install Redis 7.0 or newer, or Valkey.")
        }
        guard isCluster == endpoint.servers.isCluster else {
            let scheme = endpoint.isEncrypted ? "rediss" : "redis"
            throw .unsupported(
                isCluster
                    ? "Redis runs in cluster mode. Write \(scheme)+cluster:// in redis.url."
                    : "Redis does not run in cluster mode. Write \(scheme):// in redis.url.")
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

    /// How many replicas have to receive writes.
    /// - Parameter settings: names and values; nil if they cannot be read, as then the result.
    static func minReplicas(_ settings: [String?]?) -> Int? {
        guard let settings else { return nil }
        func number(_ name: String) -> Int {
            settings.firstIndex(of: name).flatMap { settings.indices.contains($0 + 1) ? settings[$0 + 1] : nil }
                .flatMap { Int($0) } ?? 0
        }
        // A lag of 0 switches it off.
        return number("min-replicas-max-lag") == 0 ? 0 : number("min-replicas-to-write")
    }

    /// - Parameter demanded: min-replicas-to-write, where the user may read it.
    /// - Throws: `RedisError` if the server takes writes that fewer replicas receive.
    func check(minReplicas: Int, demanded: Int?) throws(RedisError) {
        guard minReplicas > 0, demanded.map({ $0 < minReplicas }) ?? !demandsReplicas else { return }
        throw .unsupported(
            "Redis takes writes that \(demanded.map { $0 == 0 ? "no" : "only \($0)" } ?? "no") replicas receive. Set "
                + "min-replicas-to-write \(minReplicas) on all of its servers, or redis.min-replicas to what they have."
        )
    }
}

extension RedisError {
    fileprivate static func unsupported(_ message: String) -> RedisError { RedisError(.unsupportedServer, message) }
}
