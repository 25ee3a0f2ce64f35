import PresenceCore
import RedisClient

/// Counting a shard anew, exactly also while it changes: users who change meanwhile are read again, until nothing has
/// changed between the reading and a look at the counts. Holds what one shard has, and no more.
package struct Recount: Sendable {
    /// A session or user adds one to each of these names.
    private var parts: [UserID: [String]] = [:]
    /// Members of the deadlines that name no user of the shard, and users among them without a session.
    package private(set) var strangers: [String] = []
    package private(set) var absent: Set<UserID> = []
    package private(set) var unreadable: Set<UserID> = []
    /// The last event when everything that was read was so.
    package fileprivate(set) var position = "0-0"
    /// The live counts at that moment, those that are not 0.
    package fileprivate(set) var told: [String: Int] = [:]

    package var users: Int { parts.count }
    /// Whether what was counted is all there is: a record that cannot be read may have any sessions.
    package var isWhole: Bool { unreadable.isEmpty }

    /// What the live counts should be.
    package var counted: [String: Int] {
        parts.values.reduce(into: [:]) { counts, names in for name in names { counts[name, default: 0] += 1 } }
    }

    /// A count that is wrong.
    package struct Difference: Sendable, Hashable {
        package var name: String
        package var told: Int
        package var counted: Int
    }

    package var differences: [Difference] {
        let counted = counted
        return Set(counted.keys).union(told.keys).sorted().compactMap { name in
            let difference = Difference(name: name, told: told[name] ?? 0, counted: counted[name] ?? 0)
            return difference.told == difference.counted ? nil : difference
        }
    }

    fileprivate mutating func read(_ user: UserID, _ presence: UserPresence?) {
        absent.remove(user)
        unreadable.remove(user)
        guard let presence else {
            unreadable.insert(user)
            return
        }
        guard !presence.sessions.isEmpty else {
            parts[user] = nil
            absent.insert(user)
            return
        }
        parts[user] =
            presence.sessions.map { "\($0.status.rawValue):\($0.id.platform)" } + ["users:\(presence.status.rawValue)"]
    }

    fileprivate mutating func foundStranger(_ member: String) { strangers.append(member) }
}

extension PresenceStore {
    /// Counts a shard anew.
    /// - Parameters:
    ///   - more: users of the shard who are not among its deadlines, though they should be.
    ///   - pace: waits when so many users were read.
    /// - Returns: nil if the shard changes faster than it can be read.
    package func recount(
        _ shard: Shard, and more: [UserID] = [], pace: (Int) async -> Void = { _ in }
    ) async throws(StoreError) -> Recount? {
        var recount = Recount()
        recount.position = try await lastEvent(of: shard)
        var cursor = "0"
        repeat {
            let command = RedisCommand(
                "ZSCAN", key: keys.deadlines(shard), cursor, "COUNT", String(StoreLimits.pageEntriesMax))
            guard let page = try await send(command, patience: .background).array, page.count == 2,
                let next = page[0].string, let members = page[1].array
            else { return nil }
            cursor = next
            try await read(members.everySecond, of: shard, into: &recount)
            await pace(members.count / 2)
        } while cursor != "0"
        try await read(more, into: &recount)
        for _ in 0..<StoreLimits.recountAttemptsMax {
            guard try await readChanged(shard, into: &recount) else { return nil }
            if try await readCounts(shard, into: &recount) { return recount }
        }
        return nil
    }

    /// Sets the live counts of a shard to what was counted, unless something has changed in it meanwhile.
    /// - Returns: whether they were set.
    package func mendCounts(of shard: Shard, _ recount: Recount) async throws(StoreError) -> Bool {
        guard recount.isWhole else { return false }
        return try await run(
            Scripts.mendCounts, keys: [keys.counts(shard), keys.events(shard)],
            [recount.position] + recount.counted.flatMap { [$0.key, String($0.value)] }
        ).word == .mended
    }

    private func read(
        _ members: [String], of shard: Shard, into recount: inout Recount
    ) async throws(StoreError) {
        var users: [UserID] = []
        for member in members {
            if let user = try? UserID(member), keys.shard(of: user) == shard {
                users.append(user)
            } else {
                recount.foundStranger(member)
            }
        }
        try await read(users, into: &recount)
    }

    private func read(_ users: [UserID], into recount: inout Recount) async throws(StoreError) {
        for (user, presence) in zip(users, await presences(of: users, patience: .background)) {
            recount.read(user, try presence.unlessCorrupt())
        }
    }

    /// Reads the users again whose events have come since the last reading.
    /// - Returns: false if the events do not tell who they are.
    private func readChanged(_ shard: Shard, into recount: inout Recount) async throws(StoreError) -> Bool {
        while true {
            let answer = await events(from: [shard: recount.position], limit: StoreLimits.pageEntriesMax)
            if let failure = answer.failures[shard] { throw failure }
            var entries = answer[shard] ?? []
            if recount.position != "0-0" {
                // What was there when reading began has been trimmed, and who knows what with it.
                guard entries.first?.position == recount.position else { return false }
                entries.removeFirst()
            }
            guard let last = entries.last else { return true }
            let changed = entries.compactMap { $0.change?.user }
            guard changed.count == entries.count else { return false }
            try await read(Array(Set(changed)), into: &recount)
            recount.position = last.position
        }
    }

    /// - Returns: whether they are those of the moment everything else was read at.
    private func readCounts(_ shard: Shard, into recount: inout Recount) async throws(StoreError) -> Bool {
        let last = RedisCommand("XREVRANGE", key: keys.events(shard), "+", "-", "COUNT", "1")
        let replies = await redis.pipeline(
            [last, RedisCommand("HGETALL", key: keys.counts(shard)), last], patience: .background)
        // Counts of another type are none.
        let counts = try replies[1].ofStore.unlessCorrupt()?.pairs ?? [:]
        recount.told = counts.compactMapValues { Int($0) }.filter { $0.value != 0 }
        let (before, after) = (try replies[0].orThrow(), try replies[2].orThrow())
        return before.lastPosition == recount.position && after.lastPosition == recount.position
    }

    private func lastEvent(of shard: Shard) async throws(StoreError) -> String {
        let command = RedisCommand("XREVRANGE", key: keys.events(shard), "+", "-", "COUNT", "1")
        return try await send(command, patience: .background).lastPosition
    }
}

extension RedisValue {
    /// Of the one entry an XREVRANGE answers with; `0-0` for none.
    fileprivate var lastPosition: String { array?.first?.array?.first?.string ?? "0-0" }
}

extension [RedisValue] {
    /// The members of what ZSCAN answers, without their scores.
    fileprivate var everySecond: [String] { stride(from: 0, to: count, by: 2).compactMap { self[$0].string } }
}
