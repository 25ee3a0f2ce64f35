import PresenceCore
import RedisClient

/// How a user stood at one moment in all keys that are about it.
package struct UserLook: Sendable, Equatable {
    /// One that was asked about: on record, or only told of by a timer.
    package struct Session: Sendable, Equatable {
        package var id: SessionID
        /// nil for one that is not on record.
        package var status: Status?
        package var lease: TimeLeft
        package var push: TimeLeft

        package init(id: SessionID, status: Status?, lease: TimeLeft, push: TimeLeft) {
            self.id = id
            self.status = status
            self.lease = lease
            self.push = push
        }

        /// What is left of the timer its status has.
        package var timer: TimeLeft { status == .pushOnline ? push : lease }
    }

    package var user: UserID
    /// Redis time.
    package var nowMs: Int
    package var sessions: [Session]
    package var record: TimeLeft
    /// Redis time; nil where the sweep does not know of the user.
    package var deadlineMs: Int?

    package init(user: UserID, nowMs: Int, sessions: [Session], record: TimeLeft, deadlineMs: Int?) {
        self.user = user
        self.nowMs = nowMs
        self.sessions = sessions
        self.record = record
        self.deadlineMs = deadlineMs
    }
}

/// What PTTL says of a key.
package enum TimeLeft: Sendable, Equatable {
    case absent
    case endless
    case ms(Int)

    package init(pttl: Int) {
        self = pttl == -2 ? .absent : pttl == -1 ? .endless : .ms(StoredNumber.left(Int64(pttl)))
    }
}

package enum UserSight: Sendable, Equatable {
    case seen(UserLook)
    case unreadable
    /// It changes faster than it can be looked at.
    case blurred
}

extension PresenceStore {
    /// How each user stands at one moment, of one shard at a time.
    /// - Parameter suspects: users of one page, each with sessions to look at beside those on record.
    package func look(at suspects: [UserID: Set<SessionID>]) async throws(StoreError) -> [UserID: UserSight] {
        var sights: [UserID: UserSight] = [:]
        var left = suspects
        for _ in 0..<StoreLimits.lookAttemptsMax where !left.isEmpty {
            for (user, sight) in try await lookOnce(at: left) {
                sights[user] = sight
                if sight != .blurred { left[user] = nil }
            }
        }
        return sights
    }

    private func lookOnce(at suspects: [UserID: Set<SessionID>]) async throws(StoreError) -> [UserID: UserSight] {
        var sights: [UserID: UserSight] = [:]
        var calls: [ScriptCall<LookWord>] = []
        var asked: [[(UserID, [SessionID])]] = []
        for (shard, users) in try await withSessions(suspects, &sights) {
            for batch in users.batches(of: StoreLimits.lookBatchUsersMax) {
                calls.append(
                    ScriptCall(
                        Scripts.lookAtUsers,
                        keys: [keys.deadlines(shard)] + batch.flatMap { [keys.user($0)] + timerKeys($0, $1) },
                        arguments: batch.flatMap { [$0.rawValue, String($1.count)] + $1.map(\.description) }))
                asked.append(batch)
            }
        }
        for (batch, reply) in zip(asked, await run(calls)) {
            let answer = try reply.get()
            let nowMs = try answer.int(0)
            for ((user, sessions), text) in zip(batch, answer.texts.dropFirst()) {
                guard let sight = UserSight(text, user, sessions, nowMs: nowMs) else { throw answer.unexpected }
                sights[user] = sight
            }
        }
        return sights
    }

    /// The users by shard, each with the sessions asked about and those on record. Of one whose record cannot be read
    /// the sight is told at once.
    private func withSessions(
        _ users: [UserID: Set<SessionID>], _ sights: inout [UserID: UserSight]
    ) async throws(StoreError) -> [Shard: [(UserID, [SessionID])]] {
        let names = Array(users.keys)
        var shards: [Shard: [(UserID, [SessionID])]] = [:]
        for (user, presence) in zip(names, await presences(of: names)) {
            guard let presence = try presence.unlessCorrupt() else {
                sights[user] = .unreadable
                continue
            }
            let sessions = (users[user] ?? []).union(presence.sessions.map(\.id))
            shards[keys.shard(of: user), default: []].append((user, Array(sessions)))
        }
        return shards
    }

    /// Mends what is wrong with these users and can be mended without ending a session. Repeating it is harmless.
    package func mend(_ looks: [UserLook]) async throws(StoreError) {
        let shards = Dictionary(grouping: looks) { keys.shard(of: $0.user) }
        let calls = shards.flatMap { shard, looks in
            looks.batches(of: StoreLimits.lookBatchUsersMax).map { batch in
                ScriptCall(
                    Scripts.mendUsers,
                    keys: [keys.deadlines(shard)]
                        + batch.flatMap { [keys.user($0.user)] + timerKeys($0.user, $0.sessions.map(\.id)) },
                    arguments: [String(options.offlineRetentionMs), String(StoreLimits.deadlineLateMsMax)]
                        + batch.flatMap { look in
                            [look.user.rawValue, String(look.sessions.count)]
                                + look.sessions.flatMap { lengths(of: $0.id) }
                        })
            }
        }
        for answer in await run(calls) { _ = try answer.get() }
    }

    /// Gives a key that has no end one.
    /// - Returns: false where it has one, or is there no more.
    package func end(_ key: String, afterMs: Int) async throws(StoreError) -> Bool {
        try await send(RedisCommand("PEXPIRE", key: key, String(afterMs), "NX")).int == 1
    }

    /// The session with its heartbeat timeout, push retention and grace in ms.
    private func lengths(of session: SessionID) -> [String] {
        let heartbeat = platforms[session.platform].heartbeat
        return [
            session.description, String(heartbeat.timeoutMs), String(options.pushRetentionMs),
            String(heartbeat.graceMs),
        ]
    }
}

extension UserSight {
    /// Reads `whole 1763712345678 -1 Online/350000/-2 absent/-2/-1`.
    fileprivate init?(_ text: String, _ user: UserID, _ sessions: [SessionID], nowMs: Int) {
        let parts = text.split(separator: " ")
        switch parts.first {
        case "unreadable": self = .unreadable
        case "changed": self = .blurred
        case "whole" where parts.count == sessions.count + 3:
            guard let record = StoredNumber.count(String(parts[2])) else { return nil }
            var seen: [UserLook.Session] = []
            for (id, part) in zip(sessions, parts.dropFirst(3)) {
                let words = part.split(separator: "/")
                guard words.count == 3, let lease = StoredNumber.count(String(words[1])),
                    let push = StoredNumber.count(String(words[2]))
                else { return nil }
                seen.append(
                    UserLook.Session(
                        id: id, status: Status(rawValue: String(words[0])), lease: TimeLeft(pttl: lease),
                        push: TimeLeft(pttl: push)))
            }
            self = .seen(
                UserLook(
                    user: user, nowMs: nowMs, sessions: seen, record: TimeLeft(pttl: record),
                    deadlineMs: StoredNumber.time(String(parts[1]))))
        default: return nil
        }
    }
}

extension Array {
    package func batches(of size: Int) -> [[Element]] {
        stride(from: 0, to: count, by: size).map { Array(self[$0..<Swift.min($0 + size, count)]) }
    }
}
