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
    /// Calls of a script the server does not know are repeated, after the others, with its source.
    package func evaluate(_ calls: [RedisScriptCall]) async throws(RedisError) -> [RedisValue] {
        var retry = Retry(options, now: .now())
        var values = try await pipeline(calls.map(\.byDigest), &retry)
        let unknown = values.indices.filter { values[$0].error?.kind == .noScript }
        let repeated = try await pipeline(unknown.map { calls[$0].bySource }, &retry)
        for (index, value) in zip(unknown, repeated) { values[index] = value }
        return values
    }
}
