import PresenceCore
import RedisClient

/// Keeping owned shards, and settling what the timers in them have ended.
extension PresenceStore {
    /// What the owner of shards does once a second: keeps them, notes that they are swept, learns who is due.
    /// - Parameter usersMax: the most users to name of each shard.
    package func tend(
        _ owned: [Shard: Fence], leaseMs: Int, renewAtMs: Int, usersMax: Int
    ) async -> ShardAnswers<TendAnswer> {
        let arguments = [
            String(leaseMs), String(renewAtMs), String(options.outageGapMs), String(options.graceMsMax),
            String(usersMax), String(StoreLimits.alarmAheadMs),
        ]
        let answers = await run(
            owned.map { shard, fence in
                ScriptCall(
                    Scripts.tend,
                    keys: [
                        keys.owner(shard), keys.deadlines(shard), keys.grace(shard), keys.events(shard),
                        keys.aside(shard), keys.alarm(shard),
                    ],
                    arguments: [options.worker, String(fence)] + arguments)
            })
        let tended = zip(owned.keys, answers).map { ($0, $1) }
        return ShardAnswers(owned.keys, tended) { tended throws(StoreError) in
            let (shard, answer) = (tended.0, try tended.1.get())
            guard answer.word == .tended else { return .lost }
            var (due, strangers): ([UserID], [String]) = ([], [])
            var dueAtMs: [UserID: Int] = [:]
            for index in stride(from: 6, to: answer.texts.count - 1, by: 2) {
                let text = answer.texts[index]
                if let user = try? UserID(text), keys.shard(of: user) == shard {
                    due.append(user)
                    dueAtMs[user] = Int(answer.texts[index + 1])
                } else {
                    strangers.append(text)
                }
            }
            return .tended(
                Tended(
                    nowMs: try answer.int(0), leaseLeftMs: try answer.int(1), lagMs: try answer.int(2),
                    streams: StreamTails(events: try answer.text(3), aside: try answer.text(4)),
                    graceBegins: try answer.int(5) == 1, due: due, dueAtMs: dueAtMs, strangers: strangers))
        }
    }

    /// Takes out of a shard's deadlines what names no user of it: somebody put it there by hand.
    package func forget(_ strangers: [String], of shard: Shard) async throws(StoreError) {
        _ = try await send(RedisCommand("ZREM", key: keys.deadlines(shard), strangers), patience: .background)
    }

    /// Settles what the timers of these users have ended and re-arms the deadlines of the others. Users whose record
    /// cannot be read are put off for a while, so that they do not hold up the others; a shard that cannot be asked, or
    /// for which Redis answers with an error, holds up no other shard.
    /// - Parameter dueAtMs: when they were due, in Redis time, as far as known.
    package func settle(_ users: [UserID], dueAtMs: [UserID: Int] = [:]) async -> SettleAnswer {
        var answer = SettleAnswer()
        let due = await read(users, &answer)
        let ended = await rearm(due, &answer.failures)
        await settle(ended, dueAtMs: dueAtMs, &answer)
        return answer
    }

    /// Settles what the timers of users have ended whom `rearm` named.
    package func settle(_ ended: [[UserPresence]], dueAtMs: [UserID: Int], _ answer: inout SettleAnswer) async {
        for (batch, reply) in zip(ended, await run(ended.map { settleCall($0, dueAtMs: dueAtMs) })) {
            guard let reply = part(reply, of: batch, &answer.failures), reply.word == .settled else { continue }
            let settled = SettledSession.all(in: reply.texts.first ?? "")
            answer.settled += settled.count
            settled.forEach(figures.settled)
            answer.unreadable += batch.map(\.user).filter { reply.texts.dropFirst().contains($0.rawValue) }
        }
    }

    /// What became of a batch of one shard; nil, and named among the failures, where Redis answered with an error.
    private func part<Word>(
        _ reply: Result<ScriptAnswer<Word>, StoreError>, of batch: [UserPresence], _ failures: inout [Shard: StoreError]
    ) -> ScriptAnswer<Word>? {
        do throws(StoreError) { return try reply.get() } catch {
            if let first = batch.first { failures[keys.shard(of: first.user)] = error }
            return nil
        }
    }

    /// Reads the sessions of users who are due.
    package func read(_ users: [UserID], _ answer: inout SettleAnswer) async -> [UserPresence] {
        var due: [UserPresence] = []
        due.reserveCapacity(users.count)
        for (user, presence) in zip(users, await presences(of: users, patience: .background)) {
            do throws(StoreError) {
                if let presence = try presence.unlessCorrupt() {
                    due.append(presence)
                } else {
                    answer.unreadable.append(user)
                }
            } catch {
                answer.failures[keys.shard(of: user)] = error
            }
        }
        if !answer.unreadable.isEmpty { await putOff(answer.unreadable, &answer.failures) }
        return due
    }

    /// Raises the deadlines of those whose timers run.
    /// - Returns: the others, in batches of one shard.
    package func rearm(
        _ users: [UserPresence], _ failures: inout [Shard: StoreError]
    ) async -> [[UserPresence]] {
        let batches = batches(of: users, StoreLimits.rearmBatchUsersMax)
        var ended: [UserPresence] = []
        for (batch, reply) in zip(batches, await run(batches.map(rearmCall))) {
            let names = Set(part(reply, of: batch, &failures)?.texts ?? [])
            if !names.isEmpty { ended += batch.filter { names.contains($0.user.rawValue) } }
        }
        return self.batches(of: ended, StoreLimits.settleBatchUsersMax)
    }

    private func batches(of users: [UserPresence], _ usersMax: Int) -> [[UserPresence]] {
        Dictionary(grouping: users) { keys.shard(of: $0.user) }.values.flatMap { users in
            stride(from: 0, to: users.count, by: usersMax).map { Array(users[$0..<min($0 + usersMax, users.count)]) }
        }
    }

    func rearmCall(_ users: [UserPresence]) -> ScriptCall<RearmWord> {
        var names: [String] = []
        var arguments: [String] = []
        if let first = users.first { names.append(keys.deadlines(keys.shard(of: first.user))) }
        for user in users {
            names.append(keys.user(user.user))
            arguments += [user.user.rawValue, String(user.sessions.count)]
            for session in user.sessions {
                let isOnline = session.status == .online
                names.append(isOnline ? keys.lease(user.user, session.id) : keys.push(user.user, session.id))
                let timeout = platforms[session.id.platform].heartbeat.timeoutMs
                arguments.append(String(isOnline ? timeout : options.pushRetentionMs))
            }
        }
        return ScriptCall(Scripts.rearm, keys: names, arguments: arguments)
    }

    func settleCall(_ users: [UserPresence], dueAtMs: [UserID: Int] = [:]) -> ScriptCall<SettleWord> {
        let shard = users.first.map { keys.shard(of: $0.user) } ?? 0
        var names = [
            keys.owner(shard), keys.deadlines(shard), keys.events(shard), keys.counts(shard), keys.cursor(shard),
            keys.grace(shard),
        ]
        var arguments = [
            String(options.outageGapMs), String(options.offlineRetentionMs), String(StoreLimits.unreadablePutOffMs),
        ]
        for user in users {
            names.append(keys.user(user.user))
            names += timerKeys(user.user, user.sessions.map(\.id))
            arguments += [
                user.user.rawValue, dueAtMs[user.user].map { String($0) } ?? "", String(user.sessions.count),
            ]
            for session in user.sessions {
                let traits = platforms[session.id.platform]
                arguments += [
                    session.id.description, String(pushRetentionMs(session.id.platform)),
                    String(traits.heartbeat.graceMs), traits.silenceReason.rawValue,
                ]
            }
        }
        return ScriptCall(Scripts.settle, keys: names, arguments: arguments)
    }

    private func putOff(_ users: [UserID], _ failures: inout [Shard: StoreError]) async {
        let shards = Dictionary(grouping: users, by: keys.shard(of:)).map { ($0, $1) }
        let calls = shards.map { shard, users in
            ScriptCall(
                Scripts.putOff, keys: [keys.deadlines(shard)],
                arguments: [String(StoreLimits.unreadablePutOffMs)] + users.map(\.rawValue))
        }
        for ((shard, _), answer) in zip(shards, await run(calls)) {
            if case .failure(let error) = answer { failures[shard] = error }
        }
    }
}

package enum TendAnswer: Sendable, Equatable {
    case tended(Tended)
    /// The shard has another owner.
    case lost
}

/// How an owned shard stands.
package struct Tended: Sendable, Equatable {
    /// Redis time of the answer.
    package var nowMs: Int
    /// What is left of the owner's lease.
    package var leaseLeftMs: Int
    /// How overdue the first of the due users is.
    package var lagMs: Int
    package var streams: StreamTails
    /// An outage was found, and grace begins.
    package var graceBegins = false
    /// The most overdue first.
    package var due: [UserID]
    /// Since when they are due.
    package var dueAtMs: [UserID: Int] = [:]
    /// What is due and names no user of the shard.
    package var strangers: [String] = []
}

/// Where the streams of a shard end: the positions of their last entries, `0-0` where there are none.
package struct StreamTails: Sendable, Equatable {
    package var events: String
    package var aside: String

    package init(events: String, aside: String) {
        self.events = events
        self.aside = aside
    }
}

package struct SettleAnswer: Sendable {
    /// Sessions that ended or became PushOnline.
    package var settled = 0
    /// Users with a record this service did not write.
    package var unreadable: [UserID] = []
    /// Shards for which Redis answered with an error.
    package var failures: [Shard: StoreError] = [:]

    package init() {}
}

/// A session that settling ended, or made PushOnline.
struct SettledSession: Equatable {
    var platform: Platform
    var reason: Reason
    /// How long after the end of its timer; nil where it was not known when that was.
    var lagMs: Int?

    /// Reads what the script says of all of them: `Web LinkClose 17,iPhone TimeOut 20`.
    static func all(in text: String) -> [SettledSession] {
        text.split(separator: ",").compactMap { session in
            let parts = session.split(separator: " ", omittingEmptySubsequences: false)
            guard parts.count == 3, let platform = try? Platform(String(parts[0])),
                let reason = Reason(rawValue: String(parts[1]))
            else { return nil }
            return SettledSession(platform: platform, reason: reason, lagMs: Int(parts[2]))
        }
    }
}
