import NIOCore

extension RedisClient {
    /// Runs the script and returns what it returned.
    /// - Throws: `RedisError`; an error the script returned is `rejected`.
    package func evaluate(
        _ script: RedisScript, keys: [String], arguments: [String]
    ) async throws(RedisError) -> RedisValue {
        try await evaluate([RedisScriptCall(script, keys: keys, arguments: arguments)])[0].checked()
    }

    /// Runs the calls as one pipeline and returns one value each, in their order; an error reply is a value.
    ///
    /// Scripts the server does not know are loaded, each once, and their calls repeated after the others. All of it
    /// takes no longer than one call.
    package func evaluate(_ calls: [RedisScriptCall]) async throws(RedisError) -> [RedisValue] {
        var retry = Retry(options, now: .now())
        var values = try await pipeline(calls.map(\.byDigest), &retry)
        var isLoaded = false
        while true {
            let unknown = values.indices.filter { values[$0].error?.kind == .noScript }
            guard !unknown.isEmpty else { return values }
            // Somebody flushes the scripts, or another server has become master.
            if isLoaded {
                guard await retry.pause(after: .rejected(.noScript), isIdempotent: true) else { return values }
            }
            isLoaded = true
            let refusals = try await load(unknown.map { calls[$0].script }, &retry)
            let repeated = try await pipeline(unknown.map { calls[$0].byDigest }, &retry)
            for (index, value) in zip(unknown, repeated) {
                values[index] = value.error?.kind == .noScript ? refusals[calls[index].script.sha1] ?? value : value
            }
        }
    }

    /// Has the server keep scripts.
    /// - Returns: its error replies, by the digests of the scripts it does not keep.
    private func load(
        _ scripts: [RedisScript], _ retry: inout Retry
    ) async throws(RedisError) -> [String: RedisValue] {
        let distinct = Dictionary(scripts.map { ($0.sha1, $0) }, uniquingKeysWith: { first, _ in first })
        let replies = try await pipeline(
            distinct.values.map { RedisCommand(keyless: "SCRIPT", "LOAD", $0.source) }, &retry)
        return Dictionary(uniqueKeysWithValues: zip(distinct.keys, replies)).filter { $0.value.error != nil }
    }
}
