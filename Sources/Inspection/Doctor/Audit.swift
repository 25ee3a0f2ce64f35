import PresenceCore
import PresenceStore
import RedisClient

/// Looks at every key there is, a page at a time and so many a second: memory does not grow with the number of users.
/// What looks wrong is looked at once more, at one moment, before it is a finding.
struct Audit {
    /// Keys read together.
    static let pageKeysMax = 1_000
    /// What a page of names alone costs, though none be ours, in keys.
    static let scanCost = 50
    /// Users remembered for the recount, who are not where it looks for them.
    static let undeclaredMax = 10_000
    /// Before something that looks wrong is looked at again.
    static let pause = Duration.seconds(1)

    let store: PresenceStore
    let fixes: Bool
    let told: @Sendable (AuditProgress) -> Void
    private let flaws: UserFlaws
    private var pace: Pace
    private(set) var summary = AuditSummary()
    private(set) var findings = Findings()
    /// By shard, those without a deadline.
    private var undeclared: [Shard: [UserID]] = [:]
    private let begin = ContinuousClock.now

    init(
        _ store: PresenceStore, keysPerSecond: Int, fixes: Bool, told: @escaping @Sendable (AuditProgress) -> Void
    ) {
        self.store = store
        self.fixes = fixes
        self.told = told
        flaws = UserFlaws(platforms: store.platforms, keys: store.keys)
        pace = Pace(keysPerSecond: keysPerSecond)
    }

    /// Looks at everything. What cannot be asked is a finding, too, and holds up nothing else.
    mutating func run() async throws {
        for master in store.redis.masters {
            do { try await scan(master) } catch let error as StoreError { cannotLook("keys of \(master)", error) }
        }
        for shard in 0..<store.keys.shards {
            do { try await recount(shard) } catch let error as StoreError { cannotLook("shard \(shard)", error) }
            tell("shards", done: shard + 1, of: store.keys.shards)
        }
        summary.milliseconds = Int((ContinuousClock.now - begin) / .milliseconds(1))
    }

    private mutating func cannotLook(_ subject: String, _ error: StoreError) {
        findings.add(Finding(.cannotLook, subject, Self.reason(error)))
    }

    private func tell(_ phase: String, done: Int, of total: Int) {
        told(AuditProgress(phase: phase, done: done, total: max(done, total), took: ContinuousClock.now - begin))
    }

    static func reason(_ error: StoreError) -> String {
        error.isForbidden
            ? "\(error.message) The doctor needs +scan +dbsize +zscore beside what the service needs." : error.message
    }
}

/// All keys.
extension Audit {
    private mutating func scan(_ master: RedisAddress) async throws {
        let keysThere = Int((try? await ask([RedisCommand(keyless: "DBSIZE")], of: master)[0].int) ?? 0)
        var (cursor, seen) = ("0", 0)
        repeat {
            let scan = RedisCommand(
                keyless: "SCAN", cursor, "MATCH", "\(store.keys.prefix):*", "COUNT", String(Self.pageKeysMax))
            let answers = try await ask([scan, RedisCommand(keyless: "TIME")], of: master)
            guard let page = answers[0].array, page.count == 2, let next = page[0].string, let keys = page[1].array,
                let time = answers[1].array?.compactMap(\.int), time.count == 2
            else { throw StoreError(.unavailable, "Redis did not list its keys, or tell its time; is that Redis?") }
            cursor = next
            try await pace.wait(for: keys.count + Self.scanCost)
            try await read(keys.compactMap(\.string), nowMs: Int(time[0] * 1_000 + time[1] / 1_000))
            seen += Self.pageKeysMax
            summary.keys += keys.count
            tell("keys of \(master)", done: min(seen, keysThere), of: keysThere)
        } while cursor != "0"
    }

    private func ask(_ commands: [RedisCommand], of master: RedisAddress) async throws(StoreError) -> [RedisValue] {
        var values: [RedisValue] = []
        for result in await store.redis.pipeline(commands, to: master) { values.append(try result.orThrow()) }
        return values
    }

    /// A page of names.
    private mutating func read(_ names: [String], nowMs: Int) async throws {
        var page = AuditPage(nowMs: nowMs, store: store, flaws: flaws)
        for name in names { page.add(name, AuditKey(name, keys: store.keys, options: store.options)) }
        findings.add(page.findings)
        try await page.read()
        summary.users += page.users
        summary.sessions += page.sessions
        try await confirm(page.suspects)
        try await confirm(endless: page.endless)
    }

    /// Keys that had no end a moment ago.
    private mutating func confirm(endless keys: [String: Int]) async throws {
        guard !keys.isEmpty else { return }
        try await Task.sleep(for: Self.pause)
        let names = keys.keys.sorted()
        let left = await store.redis.pipeline(names.map { RedisCommand("PTTL", key: $0) })
        for (name, left) in zip(names, left) {
            guard try left.orThrow().int == -1 else { continue }
            guard fixes else {
                findings.add(Finding(.endlessKey, name))
                continue
            }
            do throws(StoreError) {
                let isMended = try await store.end(name, afterMs: keys[name] ?? 0)
                findings.add(Finding(.endlessKey, name), isMended ? .mended : .failed)
            } catch {
                findings.add(Finding(.endlessKey, name, Self.reason(error)), .failed)
            }
        }
    }
}

/// Users.
extension Audit {
    /// Looks at users again who looked wrong, and mends them.
    private mutating func confirm(_ suspects: [UserID: Set<SessionID>]) async throws {
        guard !suspects.isEmpty else { return }
        try await Task.sleep(for: Self.pause)
        var wrong: [(look: UserLook, flaws: [Finding])] = []
        for (user, sight) in try await store.look(at: suspects) {
            switch sight {
            case .blurred: continue
            case .unreadable: findings.add(Finding(.unreadableRecord, store.keys.user(user)))
            case .seen(let look):
                let flaws = flaws.flaws(of: look)
                if !flaws.isEmpty { wrong.append((look, flaws)) }
            }
        }
        let mended = try await mend(wrong.map(\.look))
        for (look, flaws) in wrong {
            for flaw in flaws {
                findings.add(flaw, mended.map { Mending(of: flaw, left: $0[look.user]) })
            }
            let isMissing = flaws.contains { $0.code == .missingDeadline } && mended == nil
            if isMissing, undeclared.values.reduce(0, { $0 + $1.count }) < Self.undeclaredMax {
                undeclared[store.keys.shard(of: look.user), default: []].append(look.user)
            }
        }
    }

    /// - Returns: what is left of each user's flaws, without those who could not be seen again; nil where nothing is to
    ///   be mended.
    private func mend(_ looks: [UserLook]) async throws(StoreError) -> [UserID: [Finding]]? {
        guard fixes else { return nil }
        try await store.mend(looks)
        var left: [UserID: [Finding]] = [:]
        let again = Dictionary(looks.map { ($0.user, Set($0.sessions.map(\.id))) }) { $1 }
        for (user, sight) in try await store.look(at: again) {
            if case .seen(let look) = sight { left[user] = flaws.flaws(of: look) }
        }
        return left
    }
}

/// Counts and deadlines of one shard.
extension Audit {
    private mutating func recount(_ shard: Shard) async throws {
        guard let recount = try await counted(shard) else {
            return findings.add(Finding(.uncounted, "shard \(shard)"))
        }
        try await confirm(Dictionary(recount.absent.map { ($0, []) }) { $1 })
        for member in recount.strangers {
            if fixes { try await store.forget([member], of: shard) }
            findings.add(
                Finding(.idleDeadline, store.keys.deadlines(shard), member), fixes ? .mended : nil)
        }
        guard recount.isWhole else { return findings.add(Finding(.uncounted, "shard \(shard)")) }
        let wrong = Set(recount.differences)
        guard !wrong.isEmpty else { return }
        try await Task.sleep(for: Self.pause)
        guard let again = try await counted(shard), again.isWhole else {
            return findings.add(Finding(.uncounted, "shard \(shard)"))
        }
        let standing = again.differences.filter(wrong.contains)
        guard !standing.isEmpty else { return }
        let mended = fixes ? try await mendCounts(of: shard) : nil
        for difference in standing {
            findings.add(
                Finding(
                    .wrongCounts, store.keys.counts(shard),
                    "\(difference.name) says \(difference.told), counted \(difference.counted)"), mended)
        }
    }

    private mutating func counted(_ shard: Shard) async throws(StoreError) -> Recount? {
        let more = undeclared[shard] ?? []
        return try await store.recount(shard, and: more) { keys in try? await pace.wait(for: keys) }
    }

    private mutating func mendCounts(of shard: Shard) async throws(StoreError) -> Mending {
        for _ in 0..<5 {
            if let recount = try await counted(shard), try await store.mendCounts(of: shard, recount) { return .mended }
        }
        return .failed
    }
}

/// What was looked at.
package struct AuditSummary: Sendable, Equatable {
    package var keys = 0
    package var users = 0
    package var sessions = 0
    package var milliseconds = 0
}

/// How far an audit is.
package struct AuditProgress: Sendable {
    package var phase: String
    package var done: Int
    package var total: Int
    package var took: Duration
}
