import PresenceCore
import PresenceStore
import RedisClient

/// The keys of one page: reads what they are about, and tells who looks wrong at first sight.
struct AuditPage {
    let nowMs: Int
    let store: PresenceStore
    let flaws: UserFlaws
    private var records: [UserID] = []
    private var timers: [(user: UserID, session: SessionID, status: Status)] = []
    private var ending: [(name: String, withinMs: Int)] = []

    /// What its name alone tells.
    private(set) var findings: [Finding] = []
    private(set) var suspects: [UserID: Set<SessionID>] = [:]
    /// Keys without an end that should have one, and which (ms).
    private(set) var endless: [String: Int] = [:]
    private(set) var users = 0
    private(set) var sessions = 0

    init(nowMs: Int, store: PresenceStore, flaws: UserFlaws) {
        self.nowMs = nowMs
        self.store = store
        self.flaws = flaws
    }

    mutating func add(_ name: String, _ key: AuditKey) {
        switch key {
        case .record(let user): records.append(user)
        case .timer(let user, let session, let status): timers.append((user, session, status))
        case .ending(let withinMs): ending.append((name, withinMs))
        case .lasting: break
        case .misplaced: findings.append(Finding(.wrongShard, name))
        case .stray: findings.append(Finding(.strayKey, name))
        }
    }

    mutating func read() async throws(StoreError) {
        try await readRecords()
        try await readTimers()
        let left = await store.redis.pipeline(ending.map { RedisCommand("PTTL", key: $0.name) })
        for (key, left) in zip(ending, left) where try left.orThrow().int == -1 { endless[key.name] = key.withinMs }
    }

    private mutating func readRecords() async throws(StoreError) {
        let keys = store.keys
        let answers = await store.redis.pipeline(
            records.flatMap { user in
                [
                    RedisCommand("HGETALL", key: keys.user(user)), RedisCommand("PTTL", key: keys.user(user)),
                    RedisCommand("ZSCORE", key: keys.deadlines(keys.shard(of: user)), user.rawValue),
                ]
            })
        var looks: [(UserPresence, record: TimeLeft, deadlineMs: Int?)] = []
        for (index, user) in records.enumerated() {
            let presence: UserPresence
            do throws(StoreError) {
                presence = try PresenceStore.presence(of: user, record: answers[3 * index].orThrow())
            } catch {
                guard error.code == .corrupt else { throw error }
                suspects[user] = []
                continue
            }
            let left = Int(try answers[3 * index + 1].orThrow().int ?? -2)
            let deadline = StoredNumber.time(try answers[3 * index + 2].orThrow().string)
            looks.append((presence, TimeLeft(pttl: left), deadline))
        }
        try await readTimers(of: looks)
    }

    /// The timer each session should have.
    private mutating func readTimers(
        of looks: [(UserPresence, record: TimeLeft, deadlineMs: Int?)]
    ) async throws(StoreError) {
        var left = await store.redis.pipeline(
            looks.flatMap { presence, _, _ in
                presence.sessions.map { RedisCommand("PTTL", key: timer(presence.user, $0.id, $0.status)) }
            })[...]
        for (presence, record, deadlineMs) in looks {
            var seen: [UserLook.Session] = []
            for session in presence.sessions {
                let timer = TimeLeft(pttl: Int(try left.removeFirst().orThrow().int ?? -2))
                let isOnline = session.status == .online
                seen.append(
                    UserLook.Session(
                        id: session.id, status: session.status, lease: isOnline ? timer : .absent,
                        push: isOnline ? .absent : timer))
            }
            users += 1
            sessions += seen.count
            let look = UserLook(
                user: presence.user, nowMs: nowMs, sessions: seen, record: record, deadlineMs: deadlineMs)
            if !flaws.flaws(of: look).isEmpty { suspects[presence.user, default: []].formUnion(seen.map(\.id)) }
        }
    }

    private func timer(_ user: UserID, _ session: SessionID, _ status: Status) -> String {
        status == .online ? store.keys.lease(user, session) : store.keys.push(user, session)
    }

    /// Timers found by their own names: those of no session are told of by nothing else.
    private mutating func readTimers() async throws(StoreError) {
        let answers = await store.redis.pipeline(
            timers.flatMap { user, session, status in
                [
                    RedisCommand("PTTL", key: timer(user, session, status)),
                    RedisCommand("HGET", key: store.keys.user(user), session.device),
                ]
            })
        for (index, (user, session, status)) in timers.enumerated() {
            let left = TimeLeft(pttl: Int(try answers[2 * index].orThrow().int ?? -2))
            guard left != .absent else { continue }
            // A record of another type tells of no session.
            let record = try? answers[2 * index + 1].get().string
            if left == .endless || record?.isOf(session, status) != true {
                suspects[user, default: []].insert(session)
            }
        }
    }
}

extension String {
    /// Whether a session's record is that of this generation in this status, as its text begins.
    fileprivate func isOf(_ session: SessionID, _ status: Status) -> Bool {
        hasPrefix("status=\(status.rawValue) generation=\(session.generation) ")
    }
}
