import PresenceCore
import RedisClient
import Synchronization

/// What the workers do behind the scenes: who lives, by which rules, who owns a shard.
extension PresenceStore {
    /// Makes sure that all workers on this Redis lay presence out alike, and split the users alike. Where there is
    /// nothing yet, as after a FLUSHALL, this worker's layout is noted.
    /// - Returns: whether it was noted by this call.
    /// - Throws: `StoreError` with the code `layout` if Redis holds another one.
    /// - Parameter isRunning: this worker works on it already: a name of the layout that got lost is noted again.
    @discardableResult
    package func checkLayout(isRunning: Bool = false) async throws(StoreError) -> Bool {
        var stored = try await layout()
        if isRunning, let found = stored, found.layout == Layout.unnamed, found.shards == String(keys.shards) {
            _ = try await send(RedisCommand("HSETNX", key: keys.meta, "layout", Layout.name), patience: .background)
            stored = try await layout()
        }
        var isNew = false
        if stored == nil {
            let answer = try await run(
                Scripts.noteLayout, keys: [keys.meta], [String(keys.shards), Layout.name, Self.newDataID()])
            isNew = answer.word == .noted
            stored = try await layout()
        }
        guard let (shards, layout) = stored, layout == Layout.name else {
            throw .layout(stored?.layout ?? Layout.unnamed, prefix: keys.prefix)
        }
        guard shards == String(keys.shards) else {
            throw StoreError(
                .layout,
                "This Redis was set up with \(shards) shards and cannot be split anew: set shards to \(shards), "
                    + "or use another redis.prefix.")
        }
        return isNew
    }

    /// What is noted; nil if nothing is. The first layout had no name.
    private func layout() async throws(StoreError) -> (shards: String, layout: String)? {
        let command = RedisCommand("HMGET", key: keys.meta, "shards", "layout")
        let reply = await redis.pipeline([command], patience: .background)[0]
        let stored = try reply.ofStore.unlessCorrupt()?.array?.map(\.string)
        guard let stored, stored.count == 2, let shards = stored[0] else { return nil }
        return (shards, stored[1] ?? Layout.unnamed)
    }

    /// How many shards the service on this Redis was set up with; nil if none ever was.
    /// - Throws: `StoreError` with the code `layout` if this version cannot read what is there.
    package static func shards(on redis: RedisClient, prefix: String) async throws(StoreError) -> Int? {
        let stored: [String?]
        do {
            stored =
                try await redis.send(RedisCommand("HMGET", key: KeySpace.meta(prefix: prefix), "shards", "layout"))
                .array?.map(\.string) ?? []
        } catch {
            throw StoreError(error)
        }
        guard let shards = stored.first ?? nil else { return nil }
        guard stored.last == Layout.name else { throw .layout((stored.last ?? nil) ?? Layout.unnamed, prefix: prefix) }
        return Int(shards)
    }

    /// Why the server is none to be trusted with presence (any more), as a sentence that says what to do; nil if it is.
    package func complaintAboutServer() async throws(StoreError) -> StoreError? {
        do {
            _ = try await redis.checkServer()
            return nil
        } catch {
            guard error.code == .unsupportedServer else { throw StoreError(error) }
            return StoreError(.corrupt, error.message, underlying: error)
        }
    }

    /// Asks any of the masters for a sign of life.
    package func ping() async throws(StoreError) {
        _ = try await send(RedisCommand(keyless: "PING"), patience: .background)
    }

    /// Says this worker lives and learns who else does, and which rules stand.
    package func register(silenceMs: Int) async throws(StoreError) -> Membership {
        let text = sayingNow
        let former = agreed.said.text
        let call = ScriptCall(
            Scripts.register, keys: [keys.workers],
            arguments: [text, String(silenceMs), former == text ? "" : former])
        let asked = RedisTimeQuestion()
        let answer = try await run([call])[0].get()
        agreed.said.isNow(text)
        let offset = asked.answered(redisMs: try answer.int(0))
        agreed.clock.withLock { $0.saw(offset) }
        let rules = await redis.pipeline([RedisCommand("HGETALL", key: keys.rules)], patience: .background)[0]
        // Rules of another type are none.
        let fields = try rules.ofStore.unlessCorrupt()?.pairs ?? [:]
        let membership = Membership(
            live: answer.texts.dropFirst().compactMap(WorkerSaying.init), rules: SharedRules.Adopted(fields),
            nowMs: try answer.int(0))
        agreed.level.store(min(membership.level, saying.level), ordering: .relaxed)
        return membership
    }

    /// Also of what it said without hearing an answer.
    package func unregister() async throws(StoreError) {
        let command = RedisCommand("ZREM", key: keys.workers, agreed.said.text, sayingNow)
        _ = try await send(command, patience: .background)
    }

    private var sayingNow: String {
        var saying = saying
        saying.clockMs = agreed.clock.withLock(\.toldMs)
        return saying.text
    }

    /// Makes these the rules of all workers, unless others than the known stand by then.
    /// - Returns: whether they were adopted.
    package func adopt(_ rules: SharedRules, insteadOf known: SharedRules.Digest?) async throws(StoreError) -> Bool {
        try await run(Scripts.adopt, keys: [keys.rules], [known ?? ""] + rules.fields).word == .adopted
    }

    /// The rules that stand; nil if none do.
    package func adoptedRules() async throws(StoreError) -> SharedRules.Adopted? {
        SharedRules.Adopted(try await send(RedisCommand("HGETALL", key: keys.rules)).pairs)
    }

    /// Takes over shards, each for `leaseMs`, unless another worker holds them.
    /// - Returns: those now owned; the others belong to somebody else.
    package func own(_ shards: [Shard], leaseMs: Int) async -> ShardAnswers<Ownership> {
        let answers = await run(
            shards.map { shard in
                ScriptCall(
                    Scripts.own, keys: [keys.owner(shard)],
                    arguments: [options.worker, String(leaseMs), saying.rules])
            })
        return ShardAnswers(shards, answers) { answer throws(StoreError) in
            let answer = try answer.get()
            guard answer.word == .owned else { return nil }
            let former = try answer.text(1)
            return Ownership(
                fence: try answer.int(0), areDeadlinesTrue: former.isEmpty || former == saying.rules)
        }
    }

    /// Makes the deadlines of owned shards true under this worker's rules, which may have shorter timeouts than those
    /// they were made under. One call takes a part of each shard's users.
    /// - Returns: the shards that need no further call; those of another owner by now among them.
    package func lowerDeadlines(_ owned: [Shard: Fence]) async -> ShardAnswers<Void> {
        let timeout = platforms.traits.values.map(\.heartbeat.timeoutMs).min() ?? 0
        let answers = await run(
            owned.map { shard, fence in
                ScriptCall(
                    Scripts.lower, keys: [keys.owner(shard), keys.deadlines(shard)],
                    arguments: [
                        options.worker, String(fence), saying.rules, String(timeout),
                        String(StoreLimits.lowerBatchUsersMax),
                    ])
            })
        return ShardAnswers(owned.keys, answers) { answer throws(StoreError) in
            try answer.get().word == .more ? nil : ()
        }
    }

    /// Gives shards up; those that could not be asked are given up by time.
    @discardableResult
    package func release(_ owned: [Shard: Fence]) async -> ShardAnswers<Void> {
        let answers = await run(
            owned.map { shard, fence in
                ScriptCall(
                    Scripts.release, keys: [keys.owner(shard)], arguments: [options.worker, String(fence)])
            })
        return ShardAnswers(owned.keys, answers) { answer throws(StoreError) in _ = try answer.get() }
    }
}

/// Grows with every change of a shard's owner; work under an old one is refused.
package typealias Fence = Int

/// A shard taken over.
package struct Ownership: Sendable, Equatable {
    package var fence: Fence
    /// Whether no timer of the shard can end before the deadlines say so under the rules of this worker.
    package var areDeadlinesTrue: Bool
}

extension StoreError {
    fileprivate static func layout(_ found: String, prefix: String) -> StoreError {
        StoreError(
            .layout,
            "The keys under the prefix \(prefix) have layout \(found) (see \(prefix):meta), this version knows layout "
                + "\(Layout.name): run the version that wrote them, or use another redis.prefix.")
    }
}
