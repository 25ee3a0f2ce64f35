import RedisClient

/// What the Redis user has to be allowed, as the README's ACL says.
extension PresenceStore {
    /// The commands that take a key first, each with arguments it could have behind it. All that the scripts and this
    /// module call is among them.
    static let keyedCommands = [
        "del": "", "get": "", "hdel": "f", "hexists": "f", "hget": "f", "hgetall": "", "hincrby": "f 1", "hlen": "",
        "hmget": "f", "hset": "f v", "hsetnx": "f v", "persist": "", "pexpire": "1", "pttl": "", "set": "v", "type": "",
        "xadd": "* f v", "xdel": "1-1", "xlen": "", "xrange": "- +", "xrevrange": "+ -", "xtrim": "MAXLEN 1",
        "zadd": "1 m", "zcard": "", "zrange": "0 0", "zrem": "m", "zremrangebyscore": "0 0", "zscan": "0",
    ]

    private static let keylessCalls = [
        ("+info", "info"), ("+ping", "ping"), ("+time", "time"), ("+script|load", "script load x"),
    ]

    /// The ACL rules (`+xadd`, `~presence:*`) that the Redis user lacks of those this service cannot do without; as the
    /// server sees it at once, before a call fails for it. `evalsha`, which asks, is not among them.
    package func missingPermissions() async throws(StoreError) -> [String] {
        let ownKeys = "~\(keys.prefix):*"
        let keyed = Self.keyedCommands.map { ("+\($0)", "\($0) \(keys.meta) \($1)") }
        let denied = try await denied(keyed + Self.keylessCalls + keys.ofEachKind.map { (ownKeys, "get \($0)") })
        // The server does not say whether it is for the command or for the key.
        let commands = Set(denied).subtracting([ownKeys])
        let mayBeKeys =
            keyed.allSatisfy { commands.contains($0.0) } || !commands.contains("+get") && denied.contains(ownKeys)
        return (mayBeKeys ? [ownKeys] : []) + commands.sorted()
    }

    /// Those it lacks of the ones for hints, without which everything is told later and nothing is lost.
    package func missingHintPermissions() async throws(StoreError) -> [String] {
        let (own, keyspace) = (keys.workerChannel(options.worker), "__keyspace@\(redis.database)__:\(keys.prefix):")
        let rules = "&\(keys.prefix):* &\(keyspace)* +publish +subscribe +unsubscribe"
        let denied = try await denied([
            (rules, "publish \(own) x"), (rules, "subscribe \(own)"), (rules, "subscribe \(keyspace)x"),
            (rules, "unsubscribe \(own)"),
        ])
        return denied.first.map { [$0] } ?? []
    }

    /// - Parameter calls: names and words.
    private func denied(_ calls: [(String, String)]) async throws(StoreError) -> [String] {
        try await run(Scripts.permissions, keys: [], calls.flatMap { [$0, $1] }).texts
    }

    /// Why the Redis user cannot do all that this service does (any more), as a sentence that says what to do; nil if it
    /// can.
    package func complaintAboutPermissions() async throws(StoreError) -> StoreError? {
        do {
            let missing = try await missingPermissions()
            guard !missing.isEmpty else { return nil }
            return StoreError(
                .unavailable, "The Redis user lacks permissions: add \(missing.joined(separator: " ")) to its ACL.")
        } catch {
            guard error.isForbidden else { throw error }
            return error
        }
    }
}
