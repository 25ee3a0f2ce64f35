// PresenceStore: presence as it stands in Redis.
//
// Promises: every change of a user is one Lua script, so that it happens whole or not at all, its event is in
// the outbox exactly when it happened, and repeating it after a lost reply gives the same answer and no second
// event. The record is the state; the TTL keys are its timers.
// Does not: run in the background, send callbacks, keep any state of its own but what the live workers agree on.

import PresenceCore
import RedisClient
import Synchronization
import Telemetry

/// Presence on Redis. Safe to use from any number of tasks and workers.
package struct PresenceStore: Sendable {
    package let redis: RedisClient
    package let keys: KeySpace
    package let options: StoreOptions
    /// What this worker says of itself.
    package let saying: WorkerSaying
    let agreed: Agreed
    let figures: StoreFigures
    private let rules: [Platform: LoginRule]

    /// What the live workers agree on, as far as this one heard.
    final class Agreed: Sendable {
        let level = Atomic(Layout.levelMin)
        let clock = Mutex(ToldClock())
        let said: Said

        init(_ saying: WorkerSaying) { said = Said(saying.text) }
    }

    /// What this worker last said of itself, as far as Redis answered.
    final class Said: Sendable {
        private let latest: Mutex<String>

        init(_ text: String) { latest = Mutex(text) }

        var text: String { latest.withLock(\.self) }

        func isNow(_ text: String) { latest.withLock { $0 = text } }
    }

    /// The newest form of records, streams and notices that every live worker understands: nothing newer is written.
    package var level: Int { agreed.level.load(ordering: .relaxed) }

    package var platforms: PlatformTable { options.platforms }

    package init(
        redis: RedisClient, keys: KeySpace, options: StoreOptions, instruments: Instruments = .none
    ) {
        self.redis = redis
        self.keys = keys
        self.options = options
        figures = StoreFigures(instruments, platforms: options.platforms)
        saying = WorkerSaying(
            worker: Record.encode(options.worker), level: options.level,
            rules: options.rules(hasReceiver: options.hasReceiver).digest, hasReceiver: options.hasReceiver,
            version: PresenceVersion.current)
        agreed = Agreed(saying)
        rules = options.platforms.traits.keys.reduce(into: [:]) { rules, platform in
            rules[platform] = options.limits.rule(for: platform, in: options.platforms)
        }
    }

    /// The rule a login on `platform` follows.
    func rule(for platform: Platform) -> LoginRule {
        rules[platform] ?? options.limits.rule(for: platform, in: options.platforms)
    }

    /// The six keys every script that changes a user takes first.
    func userKeys(_ user: UserID) -> [String] {
        let shard = keys.shard(of: user)
        return [
            keys.user(user), keys.deadlines(shard), keys.events(shard), keys.counts(shard), keys.cursor(shard),
            keys.recent(user),
        ]
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
    /// Runs a script, tells other workers what it has for them, and gives its answer.
    func run<Word>(
        _ script: StoreScript<Word>, keys: [String], _ arguments: [String]
    ) async throws(StoreError) -> ScriptAnswer<Word> {
        let answer = try await run([ScriptCall(script, keys: keys, arguments: arguments)], patience: .caller)[0].get()
        if !answer.notices.isEmpty { await publish(answer.notices) }
        return answer
    }

    /// Tells the workers that hold the sockets. Hints: nobody may hear them, and a Redis user who may not publish changes
    /// nothing else.
    private func publish(_ notices: [String]) async {
        let commands = notices.compactMap { notice -> RedisCommand? in
            let parts = notice.utf8.split(separator: UInt8(ascii: " "), maxSplits: 1).map { String(Substring($0)) }
            guard parts.count == 2 else { return nil }
            return redis.publishing(parts[1], to: keys.workerChannel(encoded: parts[0]))
        }
        _ = await redis.pipeline(commands, patience: .background)
    }

    /// Runs many scripts together; each has an outcome of its own.
    func run<Word>(
        _ calls: [ScriptCall<Word>], patience: RedisPatience = .background
    ) async -> [Result<ScriptAnswer<Word>, StoreError>] {
        zip(calls, await redis.evaluate(calls.map(\.redis), patience: patience)).map { call, result in
            Result { () throws(StoreError) in try ScriptAnswer(result.orThrow(), from: call.script) }
        }
    }

    /// Sends one command and gives its reply; an error reply is thrown.
    func send(
        _ command: RedisCommand, patience: RedisPatience = .caller
    ) async throws(StoreError) -> RedisValue {
        try await redis.pipeline([command], patience: patience)[0].orThrow()
    }
}

extension RedisResult {
    var ofStore: Result<RedisValue, StoreError> { mapError { StoreError($0) } }

    /// The reply.
    package func orThrow() throws(StoreError) -> RedisValue {
        do { return try get() } catch { throw StoreError(error) }
    }
}

extension RedisValue {
    /// The fields of a hash, as HGETALL gives them.
    var pairs: [String: String] {
        let parts = array ?? []
        return stride(from: 0, to: parts.count - 1, by: 2).reduce(into: [:]) { pairs, index in
            if let name = parts[index].string, let text = parts[index + 1].string { pairs[name] = text }
        }
    }
}

/// What a script returns: a word, then texts, and among these a list of notices where it has any for other workers.
/// Every script's words and texts stand in its header.
struct ScriptAnswer<Word: ScriptWord> {
    let word: Word
    let texts: [String]
    /// `<worker> <link> <what>`, as a `Notice` is told.
    let notices: [String]
    private let script: StoreScript<Word>

    /// - Throws: `corrupt` where the script found a record this service did not write; an error of the call where the
    ///   answer is none of the script's.
    init(_ value: RedisValue, from script: StoreScript<Word>) throws(StoreError) {
        guard let items = value.array, let first = items.first?.string else {
            throw StoreError.unexpected(value, from: script.script)
        }
        var texts: [String] = []
        texts.reserveCapacity(items.count)
        var notices: [String] = []
        for item in items.dropFirst() {
            switch item {
            case .string(let text): texts.append(text)
            case .array(let told): notices += told.compactMap(\.string)
            case .null, .integer, .error: throw StoreError.unexpected(value, from: script.script)
            }
        }
        if first == "unreadable" {
            throw StoreError(
                .corrupt, "The user's record holds a field \(texts.first ?? "") this service did not write.")
        }
        guard let word = Word(rawValue: first) else { throw StoreError.unexpected(value, from: script.script) }
        self.word = word
        self.texts = texts
        self.notices = notices
        self.script = script
    }

    func text(_ index: Int) throws(StoreError) -> String {
        guard texts.indices.contains(index) else { throw unexpected }
        return texts[index]
    }

    var unexpected: StoreError {
        .unexpected(.array(([word.rawValue] + texts).map { .string($0) }), from: script.script)
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
