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
    /// Scripts the server does not know are loaded, each once and in one write with their calls, which come after the
    /// others. All of it has one budget of retries.
    package func evaluate(_ calls: [RedisScriptCall]) async throws(RedisError) -> [RedisValue] {
        var retry = Retry(options, now: .now())
        var values = try await pipeline(RedisPipeline(calls.map(\.byDigest)), &retry)
        var isLoaded = false
        while true {
            let unknown = values.indices.filter { values[$0].error?.kind == .noScript }
            guard !unknown.isEmpty else { return values }
            // Somebody flushes the scripts, or another server has become master.
            if isLoaded {
                guard await retry.pause(after: .rejected(.noScript), isIdempotent: true) else { break }
            }
            isLoaded = true
            let scripts = Dictionary(
                unknown.map { (calls[$0].script.sha1, calls[$0].script) }, uniquingKeysWith: { first, _ in first })
            let loads = scripts.values.map { RedisCommand(keyless: "SCRIPT", "LOAD", $0.source) }
            let replies = try await pipeline(
                RedisPipeline(loads + unknown.map { calls[$0].byDigest }), &retry)
            let refusals = Dictionary(uniqueKeysWithValues: zip(scripts.keys, replies)).filter { $1.error != nil }
            for (index, value) in zip(unknown, replies.dropFirst(loads.count)) {
                values[index] = value.error?.kind == .noScript ? refusals[calls[index].script.sha1] ?? value : value
            }
        }
        // That the last attempt did nothing says nothing of an earlier one without an answer.
        if retry.hasUnknown { throw .answerLost }
        return values
    }
}
