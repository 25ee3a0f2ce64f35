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
    /// - Returns: the fence token of each shard now owned; the others belong to somebody else.
    package func own(_ shards: [Shard], leaseMs: Int) async throws(StoreError) -> ShardAnswers<Fence> {
        let answers = try await run(
            shards.map { shard in
                RedisScriptCall(
                    Scripts.own, keys: [keys.owner(shard)], arguments: [options.worker, String(leaseMs)])
            })
        return ShardAnswers(shards, answers) { answer throws(StoreError) in
            let answer = try answer.get()
            return answer.word == "owned" ? try answer.int(0) : nil
        }
    }

    package func release(_ owned: [Shard: Fence]) async throws(StoreError) {
        _ = try await run(
            owned.map { shard, fence in
                RedisScriptCall(
                    Scripts.release, keys: [keys.owner(shard)], arguments: [options.worker, String(fence)])
            })
    }

    /// Notes the sweep of each shard and learns who is due.
    package func sweep(_ owned: [Shard: Fence]) async throws(StoreError) -> ShardAnswers<SweepAnswer> {
        let answers = try await run(
            owned.map { shard, fence in
                RedisScriptCall(
                    Scripts.sweep,
                    keys: [keys.owner(shard), keys.deadlines(shard), keys.sweep(shard), keys.grace(shard)],
                    arguments: [
                        options.worker, String(fence), String(options.outageGapMs), String(options.outageGraceMs),
                        String(StoreLimits.sweepBatchUsersMax),
                    ])
            })
        return ShardAnswers(owned.keys, answers) { answer throws(StoreError) in
            let answer = try answer.get()
            guard answer.word == "swept" else { return .lost }
            let users = answer.texts.dropFirst().compactMap { try? UserID($0) }
            return .swept(due: users, lagMs: try answer.int(0))
        }
    }

    /// Settles what the timers of these users have ended. Users whose record cannot be read are put off for a
    /// while, so that they do not hold up the others.
    package func settle(_ users: [UserID]) async throws(StoreError) -> SettleAnswer {
        var answer = SettleAnswer()
        var readable: [UserPresence] = []
        for (user, presence) in zip(users, try await presences(of: users)) {
            switch presence {
            case .success(let presence): readable.append(presence)
            case .failure(let error): answer.corrupt[user] = error
            }
        }
        for (presence, settled) in zip(readable, try await run(readable.map(settleCall))) {
            do throws(StoreError) {
                let settled = try settled.get()
                if settled.word == "settled" { answer.changed += try settled.int(0) }
            } catch {
                guard error.code == .corrupt else { throw error }
                answer.corrupt[presence.user] = error
            }
        }
        if !answer.corrupt.isEmpty { try await putOff(answer.corrupt.keys) }
        return answer
    }

    private func putOff(_ users: some Sequence<UserID>) async throws(StoreError) {
        let calls = Dictionary(grouping: users, by: keys.shard(of:)).map { shard, users in
            RedisScriptCall(
                Scripts.putOff, keys: [keys.deadlines(shard)],
                arguments: [String(StoreLimits.corruptPutOffMs)] + users.map(\.rawValue))
        }
        _ = try await run(calls)
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

package struct SettleAnswer: Sendable {
    /// Sessions that changed.
    package var changed = 0
    /// Users with a record this service did not write.
    package var corrupt: [UserID: StoreError] = [:]
}

package enum SweepAnswer: Sendable, Equatable {
    /// `lagMs`: how overdue the first of the due users is.
    case swept(due: [UserID], lagMs: Int)
    /// The shard has another owner.
    case lost
}
