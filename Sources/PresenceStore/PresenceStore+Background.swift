import PresenceCore
import RedisClient

/// What the workers do behind the scenes: who lives, who owns a shard, what is due, what is to be delivered.
extension PresenceStore {
    /// Makes sure all workers on this Redis split the users alike.
    package func checkShards() async throws(StoreError) {
        let replies = try await pipeline([
            RedisCommand("HSETNX", key: keys.meta, "shards", String(keys.shards)),
            RedisCommand("HGET", key: keys.meta, "shards"),
        ])
        // What is stored counts, even where Redis takes no writes at the moment.
        guard let stored = try replies[1].orThrow().string else {
            _ = try replies[0].orThrow()
            return
        }
        guard stored != String(keys.shards) else { return }
        throw StoreError(
            .corrupt,
            "This Redis was set up with \(stored) shards and cannot be split anew: set shards to \(stored), "
                + "or use another redis.prefix.")
    }

    /// How many shards the service on this Redis was set up with; nil if none ever was.
    package static func shards(on redis: RedisClient, prefix: String) async throws(StoreError) -> Int? {
        do {
            return try await redis.send(RedisCommand("HGET", key: KeySpace.meta(prefix: prefix), "shards")).int.map(
                Int.init)
        } catch {
            throw StoreError(error)
        }
    }

    /// Says this worker lives and learns who else does.
    package func register(silenceMs: Int) async throws(StoreError) -> [String] {
        try await run(Scripts.register, keys: [keys.workers], [options.worker, String(silenceMs)]).texts
    }

    package func unregister() async throws(StoreError) {
        _ = try await pipeline([RedisCommand("ZREM", key: keys.workers, options.worker)])
    }

    /// Takes or renews the ownership of shards, each for `leaseMs`.
    /// - Returns: the fence token of each shard now owned; the others belong to somebody else or could not be asked.
    package func own(_ shards: [Shard], leaseMs: Int) async throws(StoreError) -> [Shard: Fence] {
        let answers = try await run(
            shards.map { shard in
                RedisScriptCall(
                    Scripts.own, keys: [keys.owner(shard)], arguments: [options.worker, String(leaseMs)])
            })
        var owned: [Shard: Fence] = [:]
        for (shard, answer) in zip(shards, answers) {
            if let answer = try? answer.get(), answer.word == "owned" { owned[shard] = try answer.int(0) }
        }
        return owned
    }

    package func release(_ owned: [Shard: Fence]) async throws(StoreError) {
        _ = try await run(
            owned.map { shard, fence in
                RedisScriptCall(
                    Scripts.release, keys: [keys.owner(shard)], arguments: [options.worker, String(fence)])
            })
    }

    /// Notes the sweep of each shard and learns who is due.
    /// - Returns: an answer for each shard that could be asked.
    package func sweep(_ owned: [Shard: Fence]) async throws(StoreError) -> [Shard: SweepAnswer] {
        let shards = owned.map { $0 }
        let answers = try await run(
            shards.map { shard, fence in
                RedisScriptCall(
                    Scripts.sweep,
                    keys: [keys.owner(shard), keys.deadlines(shard), keys.sweep(shard), keys.grace(shard)],
                    arguments: [
                        options.worker, String(fence), String(options.outageGapMs), String(options.outageGraceMs),
                        String(StoreLimits.sweepBatchUsersMax),
                    ])
            })
        var swept: [Shard: SweepAnswer] = [:]
        for ((shard, _), answer) in zip(shards, answers) {
            guard let answer = try? answer.get() else { continue }
            guard answer.word == "swept" else {
                swept[shard] = .lost
                continue
            }
            let users = answer.texts.dropFirst(2).compactMap { try? UserID($0) }
            swept[shard] = .swept(due: users, lagMs: try answer.int(0), graceMs: max(0, try answer.int(1)))
        }
        return swept
    }

    /// Settles what the timers of these users have ended. Users whose record cannot be read are put off for a
    /// while, so that they do not hold up the others.
    package func settle(_ users: [UserID]) async throws(StoreError) -> SettleAnswer {
        var readable: [UserPresence] = []
        var unreadable: [UserID] = []
        for (user, presence) in zip(users, try await presences(of: users)) {
            switch presence {
            case .success(let presence): readable.append(presence)
            case .failure: unreadable.append(user)
            }
        }
        var answer = SettleAnswer(changed: 0, unreadable: unreadable)
        for settled in try await run(readable.map(settleCall)) {
            if let settled = try? settled.get(), settled.word == "settled" { answer.changed += try settled.int(0) }
        }
        if !unreadable.isEmpty {
            _ = try await pipeline(
                unreadable.map { user in
                    RedisCommand(
                        "ZINCRBY", key: keys.deadlines(keys.shard(of: user)),
                        String(StoreLimits.unreadablePutOffMs), user.rawValue
                    ).once
                })
        }
        return answer
    }

    func settleCall(_ presence: UserPresence) -> RedisScriptCall {
        let shard = keys.shard(of: presence.user)
        let sessions = presence.sessions.map(\.id)
        return RedisScriptCall(
            Scripts.settle,
            keys: userKeys(presence.user) + [keys.sweep(shard), keys.grace(shard)]
                + timerKeys(presence.user, sessions),
            arguments: [
                presence.user.rawValue, Generation.random().rawValue, String(options.outageGapMs),
                String(options.offlineRetentionMs),
            ]
                + sessions.flatMap { session in
                    [
                        session.description, String(pushRetentionMs(session.platform)),
                        platforms[session.platform].silenceReason.rawValue,
                    ]
                })
    }
}

/// Grows with every change of a shard's owner; work under an old one is refused.
package typealias Fence = Int

package struct SettleAnswer: Sendable, Equatable {
    /// Sessions that changed.
    package var changed: Int
    /// Users with a record this service did not write.
    package var unreadable: [UserID]
}

package enum SweepAnswer: Sendable, Equatable {
    /// `lagMs`: how overdue the first of the due users is. `graceMs`: what is left of a grace period, else 0.
    case swept(due: [UserID], lagMs: Int, graceMs: Int)
    /// The shard has another owner.
    case lost
}
