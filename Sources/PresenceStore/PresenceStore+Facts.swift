import PresenceCore
import RedisClient

/// Reading all there is about a user. Commands only, no script, so that a Redis user who may only read can do it.
extension PresenceStore {
    /// Events of one shard that are looked through, a thousand at once: about 1 ms of Redis each time.
    package static let factsEventsMax = 200_000
    /// Changes of the user that are wanted of them, the newest.
    package static let factsChangesMax = 50

    /// Two round trips for the user and the shard, then the shard's streams, page by page.
    /// - Parameters:
    ///   - eventsMax: of the shard's log, the newest, are looked through.
    ///   - progress: hears how many events were looked through.
    /// - Throws: `StoreError`; its code is `corrupt` if this service did not write the record.
    package func facts(
        of user: UserID, eventsMax: Int = factsEventsMax, progress: (Int) -> Void = { _ in }
    ) async throws(StoreError) -> UserFacts {
        let first = try await presence(of: user)
        var facts = try await facts(of: user, sessions: first.sessions.map(\.id))
        // Who logged in between the two has timers that were not asked for.
        for _ in 0..<StoreLimits.lookAttemptsMax where !facts.haveAllTimers {
            facts = try await self.facts(of: user, sessions: facts.presence.sessions.map(\.id))
        }
        try await readStreams(&facts, eventsMax, progress)
        return facts
    }

    private func facts(of user: UserID, sessions: [SessionID]) async throws(StoreError) -> UserFacts {
        let shard = keys.shard(of: user)
        let userKey = keys.user(user)
        let commands =
            [
                RedisCommand(words: ["TIME"], routedBy: userKey),
                RedisCommand("HGETALL", key: userKey),
                RedisCommand("HGETALL", key: keys.recent(user)),
                RedisCommand("ZSCORE", key: keys.deadlines(shard), user.rawValue),
                RedisCommand("HGETALL", key: keys.owner(shard)),
                RedisCommand("GET", key: keys.grace(shard)),
                RedisCommand("HGETALL", key: keys.cursor(shard)),
                RedisCommand("XLEN", key: keys.aside(shard)),
                RedisCommand("XLEN", key: keys.dead(shard)),
                RedisCommand("XRANGE", key: keys.events(shard), "-", "+", "COUNT", "1"),
                RedisCommand("ZRANGE", key: keys.workers, "0", "-1"),
                RedisCommand("HGETALL", key: keys.rules),
            ] + timerKeys(user, sessions).map { RedisCommand("PTTL", key: $0) }
        let replies = await redis.pipeline(commands)
        func reply(_ index: Int) throws(StoreError) -> RedisValue { try replies[index].orThrow() }

        let record = try reply(1)
        var facts = UserFacts(
            presence: try Self.presence(of: user, record: record), nowMs: try Self.milliseconds(reply(0)),
            shard: UserFacts.ShardFacts(number: shard, keys: String(keys.events(shard).dropLast("events".count))))
        facts.ended = try reply(2).pairs.compactMap { UserFacts.Ended($0, $1) }
            .filter { $0.rememberedUntilMs > facts.nowMs }
        facts.deadline = try deadline(replies[3])
        let owner = try reply(4).pairs
        facts.shard.owner = owner["worker"]
        facts.shard.ownedUntilMs = StoredNumber.time(owner["until"]) ?? 0
        facts.shard.sweptAtMs = StoredNumber.time(owner["swept"])
        facts.shard.graceBeganMs = StoredNumber.time(try reply(5).string)
        let cursor = try reply(6).pairs
        facts.shard.cursor = cursor["id"] ?? "0-0"
        facts.shard.backlog = StoredNumber.count(cursor["backlog"]) ?? 0
        facts.shard.asideCount = Int(try reply(7).int ?? 0)
        facts.shard.deadCount = Int(try reply(8).int ?? 0)
        facts.shard.firstEvent = try reply(9).array?.first?.array?.first?.string
        let workers = try reply(10).array?.compactMap { $0.string.flatMap(WorkerSaying.init)?.worker } ?? []
        facts.shard.isOwnerLive = facts.shard.owner.map { workers.contains(Record.encode($0)) } ?? false
        facts.rules = SharedRules.Adopted(try reply(11).pairs)
        for (index, session) in sessions.enumerated() {
            func left(_ index: Int) throws(StoreError) -> Int? {
                let left = try reply(12 + index).int.map(StoredNumber.left)
                return left == -2 ? nil : left
            }
            let text = record.pairs[session.device] ?? ""
            facts.timers[session] = UserFacts.Timers(
                leaseLeftMs: try left(2 * index), pushLeftMs: try left(2 * index + 1),
                link: text.split(separator: " ").first { $0.hasPrefix("link=") }.map { String($0.dropFirst(5)) })
        }
        return facts
    }

    private func deadline(_ reply: RedisResult) throws(StoreError) -> UserFacts.Deadline {
        if reply.rejection == .noPermission { return .forbidden }
        return StoredNumber.time(try reply.orThrow().string).map { .at($0) } ?? .none
    }

    /// What moves goes from the log to the set-aside and from there to the dead: read in this order nothing is missed.
    private func readStreams(
        _ facts: inout UserFacts, _ eventsMax: Int, _ progress: (Int) -> Void
    ) async throws(StoreError) {
        let (shard, user) = (facts.shard.number, facts.user.rawValue)
        facts.isLogWhole = try await readEvents(&facts, eventsMax, progress)
        for value in facts.shard.asideCount > 0 || !facts.events.isEmpty ? try await all(keys.aside(shard)) : [] {
            guard Self.isOf(user, value), let entry = OutboxEntry(value) else { continue }
            facts.aside.append(entry)
        }
        for value in try await all(keys.dead(shard)) {
            guard Self.isOf(user, value), let letter = DeadLetter(value) else { continue }
            facts.dead.append(letter)
        }
        for value in try await all(keys.attempts(shard)) {
            let fields = value.array?.last?.array ?? []
            guard let id = OutboxEntry.value(of: "event", in: fields[...]) else { continue }
            facts.attempts[id] = OutboxEntry.value(of: "attempts", in: fields[...]).flatMap { Int($0) }
            if Self.isOf(user, value), let entry = OutboxEntry.noted(value) { facts.late.append(entry) }
        }
    }

    /// The newest first, as far as enough are found.
    /// - Returns: whether the whole log was looked at.
    private func readEvents(
        _ facts: inout UserFacts, _ eventsMax: Int, _ progress: (Int) -> Void
    ) async throws(StoreError) -> Bool {
        let key = keys.events(facts.shard.number)
        var (end, looked) = ("+", 0)
        defer { facts.events.reverse() }
        while looked < eventsMax {
            let page = try await send(
                RedisCommand("XREVRANGE", key: key, end, "-", "COUNT", String(StoreLimits.pageEntriesMax)))
            let entries = page.array ?? []
            for value in entries where Self.isOf(facts.user.rawValue, value) {
                if let entry = OutboxEntry(value) { facts.events.append(entry) }
                if facts.events.count == Self.factsChangesMax { return false }
            }
            looked += entries.count
            progress(looked)
            guard entries.count == StoreLimits.pageEntriesMax, let last = entries.last?.array?.first?.string else {
                return true
            }
            end = "(\(last)"
        }
        return false
    }

    /// Whether an entry of a stream is about the user, told before it is read in full.
    private static func isOf(_ user: String, _ value: RedisValue) -> Bool {
        guard let fields = value.array?.last?.array else { return false }
        let index = fields.prefix(8).firstIndex(of: .string("user")) ?? fields.endIndex
        guard fields.indices.contains(index + 1), let text = fields[index + 1].string else { return false }
        return text.utf8.elementsEqual(user.utf8)
    }
}
