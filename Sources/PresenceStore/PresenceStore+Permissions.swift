import RedisClient

/// What the Redis user has to be allowed, as the documentation's ACL says.
extension PresenceStore {
    /// The commands that take a key first, each with arguments it could have behind it. All that the scripts and the
    /// work of the service call is among them; `zscore`, which only onlookers call, is not.
    static let keyedCommands = [
        "del": "", "get": "", "hdel": "f", "hexists": "f", "hget": "f", "hgetall": "", "hincrby": "f 1", "hlen": "",
        "hmget": "f", "hset": "f v", "hsetnx": "f v", "persist": "", "pexpire": "1", "pttl": "", "set": "v", "type": "",
        "xadd": "* f v", "xdel": "1-1", "xlen": "", "xrange": "- +", "xrevrange": "+ -", "xtrim": "MAXLEN 1",
        "zadd": "1 m", "zcard": "", "zrange": "0 0", "zrem": "m", "zremrangebyscore": "0 0", "zscan": "0",
    ]

    private static let keylessCalls = [
        ("+info", "info"), ("+ping", "ping"), ("+time", "time"), ("+script|load", "script load x"),
    ]

    private static let clusterCalls = [
        ("+asking", "asking"), ("+cluster|slots", "cluster slots"), ("+role", "role"),
    ]

    /// The ACL rules (`+xadd`, `~presence:*`) that the Redis user lacks of those this service cannot do without; as the
    /// server sees it at once, before a call fails for it. `evalsha`, which asks, is not among them.
    package func missingPermissions() async throws(StoreError) -> [String] {
        try await missingPermissions { calls throws(StoreError) in try await denied(calls) }
    }

    /// The same of one server, be it a replica: it may be the next master.
    package func missingPermissions(at server: RedisAddress) async throws(StoreError) -> [String] {
        try await missingPermissions { calls throws(StoreError) in try await denied(calls, at: server) }
    }

    private func missingPermissions(
        _ denied: ([(String, String)]) async throws(StoreError) -> [String]
    ) async throws(StoreError) -> [String] {
        let ownKeys = "~\(keys.prefix):*"
        let keyed = Self.keyedCommands.map { ("+\($0)", "\($0) \(keys.meta) \($1)") }
        let keyless = Self.keylessCalls + (redis.isCluster ? Self.clusterCalls : [])
        let denied = try await denied(keyed + keyless + keys.ofEachKind.map { (ownKeys, "get \($0)") })
        // The server does not say whether it is for the command or for the key.
        let commands = Set(denied).subtracting([ownKeys])
        let mayBeKeys =
            keyed.allSatisfy { commands.contains($0.0) } || !commands.contains("+get") && denied.contains(ownKeys)
        return (mayBeKeys ? [ownKeys] : []) + commands.sorted()
    }

    /// Those it lacks of the ones for hints, without which everything is told later and nothing is lost.
    package func missingHintPermissions() async throws(StoreError) -> [String] {
        let (own, keyspace) = (keys.workerChannel(options.worker), "__keyspace@\(redis.database)__:\(keys.prefix):")
        let (more, shard) = redis.isCluster ? (" +spublish +ssubscribe +sunsubscribe", "s") : ("", "")
        let rules = "&\(keys.prefix):* &\(keyspace)* +publish +subscribe +unsubscribe\(more)"
        let calls = [
            "\(shard)publish \(own) x", "\(shard)subscribe \(own)", "\(shard)unsubscribe \(own)",
            "subscribe \(keyspace)x", "unsubscribe \(keyspace)x",
        ]
        let denied = try await denied(calls.map { (rules, $0) })
        return denied.first.map { [$0] } ?? []
    }

    /// What any of the masters denies: each has an ACL of its own.
    /// - Parameter calls: names and words.
    /// - Throws: `StoreError` if one denies the question, or none can be asked.
    private func denied(_ calls: [(String, String)]) async throws(StoreError) -> [String] {
        let answers = await run(
            shardOfEachMaster.map { shard in
                ScriptCall(
                    Scripts.permissions, keys: [], arguments: calls.flatMap { [$0, $1] }, at: keys.counts(shard))
            }, patience: .caller)
        var denied: [String]?
        var silence = StoreError(.mastersUnknown)
        for answer in answers {
            switch answer {
            case .success(let answer): denied = (denied ?? []) + answer.texts.filter { denied?.contains($0) != true }
            case .failure(let error) where error.isForbidden: throw error
            case .failure(let error): silence = error
            }
        }
        guard let denied else { throw silence }
        return denied
    }

    /// What one server denies.
    private func denied(_ calls: [(String, String)], at server: RedisAddress) async throws(StoreError) -> [String] {
        let script = Scripts.permissions
        let call = ["EVALSHA", script.script.sha1, "0"] + calls.flatMap { [$0, $1] }
        let replies: [RedisResult]
        do throws(RedisError) {
            replies = try await redis.ask(
                server,
                [
                    RedisCommand(keyless: "SCRIPT", "LOAD", script.script.source),
                    RedisCommand(words: call, routedBy: nil),
                ])
        } catch {
            throw StoreError(error)
        }
        _ = try replies[0].orThrow()
        return try ScriptAnswer(replies[1].orThrow(), from: script).texts
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
