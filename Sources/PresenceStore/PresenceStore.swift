import PresenceCore
import RedisClient

/// Presence on Redis. Safe to use from any number of tasks and workers.
package struct PresenceStore: Sendable {
    package let redis: RedisClient
    package let keys: KeySpace
    package let options: StoreOptions
    private let rules: [Platform: LoginRule]

    package var platforms: PlatformTable { options.platforms }

    package init(redis: RedisClient, keys: KeySpace, options: StoreOptions) {
        self.redis = redis
        self.keys = keys
        self.options = options
        rules = options.platforms.traits.keys.reduce(into: [:]) { rules, platform in
            rules[platform] = options.limits.rule(for: platform, in: options.platforms)
        }
    }

    /// The rule a login on `platform` follows.
    func rule(for platform: Platform) -> LoginRule {
        rules[platform] ?? options.limits.rule(for: platform, in: options.platforms)
    }

    /// The five keys every script that changes a user takes first.
    func userKeys(_ user: UserID) -> [String] {
        let shard = keys.shard(of: user)
        return [keys.user(user), keys.deadlines(shard), keys.events(shard), keys.counts(shard), keys.cursor(shard)]
    }

    func timerKeys(_ user: UserID, _ sessions: [SessionID]) -> [String] {
        sessions.flatMap { [keys.lease(user, $0), keys.push(user, $0)] }
    }

    /// How long a lost session of this platform stays PushOnline; 0 where it goes Offline at once.
    func pushRetentionMs(_ platform: Platform) -> Int {
        platforms[platform].hasPush ? options.pushRetentionMs : 0
    }
}

/// How the operations talk to Redis.
extension PresenceStore {
    /// Runs a script and gives its answer.
    func run(_ script: RedisScript, keys: [String], _ arguments: [String]) async throws(StoreError) -> ScriptAnswer {
        let value: RedisValue
        do { value = try await redis.evaluate(script, keys: keys, arguments: arguments) } catch {
            throw StoreError(error)
        }
        return try ScriptAnswer(value, from: script)
    }

    /// Runs many scripts in one write; each has an outcome of its own.
    func run(_ calls: [RedisScriptCall]) async throws(StoreError) -> [Result<ScriptAnswer, StoreError>] {
        let values: [RedisValue]
        do { values = try await redis.evaluate(calls) } catch { throw StoreError(error) }
        return zip(calls, values).map { call, value in
            Result { () throws(StoreError) in try ScriptAnswer(value, from: call.script) }
        }
    }

    /// Sends one command and gives its reply; an error reply is thrown.
    func send(_ command: RedisCommand) async throws(StoreError) -> RedisValue {
        do { return try await redis.send(command) } catch { throw StoreError(error) }
    }

    /// Sends commands in one write. An error reply of one is a value among the replies.
    func pipeline(_ commands: [RedisCommand]) async throws(StoreError) -> [RedisValue] {
        do { return try await redis.pipeline(commands) } catch { throw StoreError(error) }
    }
}

extension RedisValue {
    /// The value, unless it is an error reply.
    func orThrow() throws(StoreError) -> RedisValue {
        do { return try checked() } catch { throw StoreError(error) }
    }
}

/// What a script returns: a word, then texts. Every script's words and texts stand in its header.
struct ScriptAnswer {
    let word: String
    let texts: [String]
    private let script: RedisScript

    init(_ value: RedisValue, from script: RedisScript) throws(StoreError) {
        guard let items = try value.orThrow().array?.map(\.string), let word = items.first ?? nil, !items.contains(nil)
        else {
            throw StoreError.unexpected(value, from: script)
        }
        self.word = word
        self.script = script
        texts = items.dropFirst().compactMap { $0 }
    }

    var unexpected: StoreError {
        .unexpected(.array(([word] + texts).map { .string($0) }), from: script)
    }

    func int(_ index: Int) throws(StoreError) -> Int {
        guard texts.indices.contains(index), let number = Int(texts[index]) else { throw unexpected }
        return number
    }

    func status(_ index: Int) throws(StoreError) -> Status {
        guard texts.indices.contains(index), let status = Status(rawValue: texts[index]) else { throw unexpected }
        return status
    }

    func sessions(from index: Int) throws(StoreError) -> [SessionID] {
        let sessions = texts.dropFirst(index).compactMap { try? SessionID($0) }
        guard sessions.count == max(0, texts.count - index) else { throw unexpected }
        return sessions
    }
}
