import PresenceCore
import PresenceStore
import RedisClient

/// What stands in Redis is compared with the model, and with the promises themselves.
extension Course {
    mutating func compare() async throws {
        seen = try await Observation.of(server)
        try onCompared?(nowMs)
        for user in Self.users { try compare(user) }
        for shard in 0..<Self.shards {
            try await compareEvents(shard)
            try compareDeadlines(shard)
            try compareOwner(shard)
            try compareCounts(shard)
            try checkDelivery(shard)
        }
        try compareTimers()
        try checkEnds()
    }

    private func users(of shard: Shard) -> [UserID] { Self.users.filter { keys.shard(of: $0) == shard } }

    private func compare(_ user: UserID) throws {
        guard let expected = model.users[user] else { return }
        let value = seen[keys.user(user)]
        let record = RedisValue.array(value?.texts.map { .string($0) } ?? [])
        let found = try PresenceStore.presence(of: user, record: record)
        try expect(
            found.sessions.map { "\($0.id) \($0.status) \($0.loginAtMs) \($0.changedAtMs) \($0.worker)" },
            is: expected.byLogin.map { "\($0.id) \($0.status) \($0.loginMs) \($0.changedMs) \($0.worker)" },
            .record, "sessions of \(user)")
        try expect(found.version, is: expected.version, .record, "version of \(user)")
        try expect(value?.endsMs, is: expected.recordEndsMs, .record, "end of the record of \(user)")
        guard expected.keepsLimits else { throw Violation(.limits, "\(user): \(expected.byLogin.map(\.id))") }
    }

    private func compareTimers() throws {
        var expected: [String: Int] = [:]
        for (user, model) in model.users {
            for held in model.sessions.values {
                guard let ends = held.timerEndsMs else { continue }
                expected[held.status == .online ? keys.lease(user, held.id) : keys.push(user, held.id)] = ends
            }
        }
        let found = seen.values.filter { $0.key.contains(":lease:") || $0.key.contains(":push:") }
        try expect(found.mapValues(\.endsMs), is: expected.mapValues { $0 }, .timers, "timers and their ends")
    }

    /// Every user with sessions is due at the end of the first of the timers at the latest; in grace, at its end. A
    /// heartbeat lets a timer end earlier than before where the clock was set back: what is due is later by so much.
    private func compareDeadlines(_ shard: Shard) throws {
        let found = seen[keys.deadlines(shard)]?.pairs ?? [:]
        let live = users(of: shard).filter { model.users[$0]?.sessions.isEmpty == false }
        try expect(Set(found.keys), is: Set(live.map(\.rawValue)), .deadlines, "users of shard \(shard) with one")
        for user in live {
            let latest = model.users[user]?.sessions.values.map { held in
                let graceMs = rules.table[held.id.platform].heartbeat.graceMs
                return held.timerEndsMs ?? max(nowMs, lastGraces[shard].map { $0 + graceMs } ?? 0)
            }.min()
            guard let deadline = found[user.rawValue].flatMap({ Int($0) }), let latest,
                deadline <= latest + setBackMs
            else {
                throw Violation(
                    .deadlines, "\(user) is due at \(found[user.rawValue] ?? "-"), not by \(latest ?? 0)")
            }
        }
    }

    private func compareOwner(_ shard: Shard) throws {
        let found = seen[keys.owner(shard)]?.pairs ?? [:]
        let owner = model.owners[shard]
        try expect(
            [found["worker"], found["fence"], found["until"], found["swept"]],
            is: [
                owner?.worker, owner.map { "\($0.fence)" }, owner.map { "\($0.untilMs)" },
                owner.map { "\($0.sweptMs)" },
            ],
            .ownership, "worker, fence, until and swept of shard \(shard)")
        let grace = seen[keys.grace(shard)]
        try expect(grace?.texts.first, is: model.graces[shard].map { "\($0.beganMs)" }, .grace, "of shard \(shard)")
        try expect(grace?.endsMs, is: model.graces[shard]?.endsMs, .grace, "its end, of shard \(shard)")
    }

    private func compareCounts(_ shard: Shard) throws {
        let found = (seen[keys.counts(shard)]?.pairs ?? [:]).compactMapValues { Int($0) }.filter { $0.value != 0 }
        try expect(found, is: model.counts(of: users(of: shard)), .counts, "of shard \(shard)")
    }

    /// Takes in the events this step has made.
    private mutating func compareEvents(_ shard: Shard) async throws {
        let expected = committed.removeValue(forKey: shard) ?? []
        let last = model.events[shard]?.last?.position ?? "0-0"
        var found: [OutboxEntry] = []
        if seen.entries(keys.events(shard)).last?.position ?? "0-0" != last {
            let events = await workers[0].store.events(after: [shard: last], limit: 1_000)
            if let error = events.failures[shard] { throw error }
            found = events[shard] ?? []
        }
        let changes = found.compactMap(\.change)
        try expect(
            changes.map(\.described), is: expected.map(\.described), .events, "events made in shard \(shard)")
        for (entry, change) in zip(found, changes) {
            serials += 1
            receiver.known[change.id, default: []].append(change)
            model.events[shard, default: []].append(
                Model.Committed(serial: serials, change: change, position: entry.position))
        }
    }

    /// Every event waits, is set aside, is dead, or was delivered.
    private mutating func checkDelivery(_ shard: Shard) throws {
        let cursor = seen[keys.cursor(shard)]?.pairs ?? [:]
        let position = cursor["id"] ?? "0-0"
        let events = model.events[shard] ?? []
        let waiting = events.count { StreamPosition.isBefore(position, $0.position) }
        try expect(Int(cursor["backlog"] ?? "0"), is: waiting, .backlog, "of shard \(shard), cursor \(position)")
        let elsewhere = (seen.entries(keys.aside(shard)) + seen.entries(keys.dead(shard))).map(\.id)
        guard Set(elsewhere).count == elsewhere.count else {
            throw Violation(.events, "twice among those set aside or dead of shard \(shard): \(elsewhere)")
        }
        for event in events.dropLast(waiting) where !receiver.accepted.contains(event.serial) {
            guard !elsewhere.contains(event.change.id) else { continue }
            throw Violation(.unread, "\(event.change.id) of \(event.change.user) at \(event.position)")
        }
    }

    /// What tells of no session or event has an end, or a place among the things that stay.
    private func checkEnds() throws {
        let staying = (0..<Self.shards).flatMap { shard in
            [
                keys.deadlines(shard), keys.events(shard), keys.counts(shard), keys.cursor(shard), keys.owner(shard),
                keys.aside(shard), keys.dead(shard),
            ]
        }
        for (key, value) in seen.values where value.endsMs == nil && !staying.contains(key) {
            let isLive = Self.users.contains { keys.user($0) == key && model.users[$0]?.sessions.isEmpty == false }
            guard isLive else { throw Violation(.lasting, "\(key)") }
        }
    }
}

extension StatusChange {
    /// All of it but when it was committed, which no call tells.
    var described: String {
        "\(id) \(user) \(version) after \(previous): \(action)/\(reason) of \(session), \(status), user \(userStatus), "
            + "kicked \(kicked.map(\.description)), note \(note ?? "-")"
    }
}
