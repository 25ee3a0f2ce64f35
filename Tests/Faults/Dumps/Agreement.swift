import Inspection
import PresenceCore
import PresenceStore
import RedisClient

/// Whether all that stands in Redis fits together at one moment: records, timers and deadlines by the checks of `presence
/// doctor`, counts and backlogs by counting, events by the records they tell of. Nothing may change meanwhile.
struct Agreement {
    /// What does not fit together.
    struct Flaws {
        /// What the doctor finds, and can mend.
        var mendable: [String] = []
        /// The same of keys that have no end, and when each should be over.
        var endless: [String: Int] = [:]
        /// Events that are not of the records, or not of each other: what was to be told is not there.
        var untold: [String] = []
        /// Keys nobody knows, records nobody can read.
        var strange: [String] = []

        var toMend: [String] { mendable + endless.keys.map { "\($0) has no end" } }
        var all: [String] { toMend + untold + strange }
    }

    let server: DrivenServer
    let store: PresenceStore

    private var shards: [Shard] { Array(0..<store.keys.shards) }

    func flaws() async throws -> Flaws {
        var flaws = Flaws()
        let users = try await users(&flaws)
        for sight in try await store.look(at: users).values {
            switch sight {
            case .seen(let look):
                flaws.mendable += findings(look).map { "\($0.code.rawValue) \($0.subject) \($0.detail)" }
            case .unreadable, .blurred: flaws.strange.append("a record is \(sight)")
            }
        }
        let looks = await store.look(at: shards)
        for shard in shards {
            let recount = try await recount(shard)
            flaws.mendable += recount.differences.map { "shard \(shard) counts \($0)" }
            flaws.mendable += recount.strangers.map { "a deadline in shard \(shard) of \($0)" }
            guard let look = looks[shard] else { throw DrivenServer.Unusable("shard \(shard) cannot be looked at") }
            if look.countedBacklog != look.backlog {
                flaws.mendable.append("shard \(shard): \(look.backlog) wait, \(look.countedBacklog ?? -1) counted")
            }
            flaws.strange += look.broken + [look.cursorBeyond].compactMap { $0 }
            flaws.untold += try await untold(in: shard)
        }
        return flaws
    }

    private func findings(_ look: UserLook) -> [Finding] {
        UserFlaws(platforms: store.platforms, keys: store.keys).flaws(of: look)
    }

    private func recount(_ shard: Shard) async throws -> Recount {
        guard let recount = try await store.recount(shard, and: []) else {
            throw DrivenServer.Unusable("shard \(shard) cannot be counted")
        }
        return recount
    }

    /// All that keys tell of, each with the sessions its timers tell of.
    private func users(_ flaws: inout Flaws) async throws -> [UserID: Set<SessionID>] {
        var users: [UserID: Set<SessionID>] = [:]
        for key in try await server.command("KEYS", "*").array?.compactMap(\.string) ?? [] {
            switch AuditKey(key, keys: store.keys, options: store.options) {
            case .record(let user): users[user, default: []].formUnion([])
            case .timer(let user, let session, _): users[user, default: []].insert(session)
            case .ending(let withinMs):
                guard try await server.command("PTTL", key).int == -1 else { continue }
                flaws.endless[key] = withinMs
            case .lasting: break
            case .misplaced, .stray: flaws.strange.append("\(key) is no key of ours")
            }
        }
        for shard in shards { for user in try await recount(shard).absent { users[user, default: []].formUnion([]) } }
        return users
    }

    /// The events of each user follow each other, and the last tells what is on record.
    private func untold(in shard: Shard) async throws -> [String] {
        let answers = await store.events(after: [shard: "0-0"], limit: 100_000)
        if let error = answers.failures[shard] { throw error }
        var (last, untold) = ([UserID: StatusChange](), [String]())
        for change in (answers[shard] ?? []).compactMap(\.change) {
            if let before = last[change.user], before.version != change.previous || change.version <= before.version {
                untold.append("\(change.id) of \(change.user) is after \(change.previous), and not \(before.version)")
            }
            last[change.user] = change
        }
        for presence in await store.presences(of: last.keys.sorted { $0.rawValue < $1.rawValue }) {
            let presence = try presence.get()
            // A record that has ended tells nothing.
            guard let change = last[presence.user], presence.version > 0 else { continue }
            if change.version != presence.version || change.userStatus != presence.status {
                untold.append(
                    "\(presence.user) is \(presence.status) in version \(presence.version), and was told to be "
                        + "\(change.userStatus) in \(change.version)")
            }
        }
        return untold
    }

    /// Mends what the doctor mends.
    func mend() async throws {
        var flaws = Flaws()
        let looks = try await store.look(at: try await users(&flaws)).values.compactMap { sight -> UserLook? in
            if case .seen(let look) = sight, !findings(look).isEmpty { look } else { nil }
        }
        try await store.mend(looks)
        for (key, withinMs) in flaws.endless { _ = try await store.end(key, afterMs: withinMs) }
        for shard in shards {
            let recount = try await recount(shard)
            if !recount.strangers.isEmpty { try await store.forget(recount.strangers, of: shard) }
            if !recount.differences.isEmpty { _ = try await store.mendCounts(of: shard, try await self.recount(shard)) }
            _ = try await store.mendBacklog(of: shard)
        }
    }
}
