import PresenceCore
import PresenceStore

/// A worker's background work of one shard on its way: what `Sweeper` does at once is done here in parts, with others'
/// steps between.
struct Sweep {
    enum Stage {
        case due([UserID])
        case read([UserPresence])
        case ended([[UserPresence]])
    }

    var store: PresenceStore
    var shard: Shard
    var dueAtMs: [UserID: Int]
    var stage: Stage
}

/// Owning shards and sweeping them, by the calls `BackgroundWork` and `Sweeper` make, in their order.
extension Course {
    static let leaseMs = 8_000
    static let renewAtMs = 5_000

    mutating func own() async throws {
        guard let index = workers.indices.randomElement(using: &random) else { return }
        let shard = Int.random(in: 0..<Self.shards, using: &random)
        if chance(6), let fence = workers[index].fence(of: shard, workerNow) {
            note("\(workers[index].name) gives up shard \(shard)")
            await workers[index].store.release([shard: fence])
            if model.isOwner(workers[index].name, fence, of: shard) {
                model.owners[shard]?.worker = ""
                model.owners[shard]?.untilMs = 0
            }
            workers[index].lost(shard)
        } else {
            try await own(shard, index)
        }
    }

    mutating func own(_ shard: Shard, _ index: Int) async throws {
        let name = workers[index].name
        note("\(name) takes shard \(shard)")
        let expected = model.own(shard, worker: name, leaseMs: Self.leaseMs, nowMs: nowMs)
        let answer = await workers[index].store.own([shard], leaseMs: Self.leaseMs)
        if let error = answer.failures[shard] { throw error }
        try expect(answer[shard]?.fence, is: expected, .ownership, "the fence of shard \(shard) for \(name)")
        if let expected { workers[index].held[shard] = (expected, workerNow + .milliseconds(Self.leaseMs)) }
    }

    mutating func sweep() async throws {
        guard let index = workers.indices.randomElement(using: &random),
            let shard = workers[index].owned(workerNow).randomElement(using: &random)
        else { return }
        try await tend(shard, index, usersMost: Int.random(in: 1...4, using: &random))
        if !chance(3) { while try await advanceSweep(sweeps.count - 1) {} }
    }

    mutating func continueSweep() async throws {
        guard let index = sweeps.indices.randomElement(using: &random) else { return }
        _ = try await advanceSweep(index)
    }

    /// The first part of a sweep: the shard is kept, and who is due is learned.
    mutating func tend(_ shard: Shard, _ index: Int, usersMost: Int) async throws {
        let worker = workers[index]
        guard let fence = worker.fence(of: shard, workerNow) else { return }
        note("\(worker.name) sweeps shard \(shard), \(usersMost) users at most")
        let begins = model.tend(
            shard, worker: worker.name, fence: fence, leaseMs: Self.leaseMs, renewAtMs: Self.renewAtMs, nowMs: nowMs)
        let answer = await worker.store.tend(
            [shard: fence], leaseMs: Self.leaseMs, renewAtMs: Self.renewAtMs, usersMax: usersMost)
        if let error = answer.failures[shard] { throw error }
        if begins == true { lastGraces[shard] = nowMs }
        guard case .tended(let tended) = answer[shard] else {
            workers[index].lost(shard)
            return try expect(begins, is: nil, .ownership, "\(worker.name) was told that shard \(shard) is another's")
        }
        try expect(tended.graceBegins, is: begins, .grace, "grace of shard \(shard) begins")
        try expect(tended.due, is: Array(due(in: shard).prefix(usersMost)), .deadlines, "due in shard \(shard)")
        try expect(tended.leaseLeftMs, is: (model.owners[shard]?.untilMs ?? 0) - nowMs, .ownership, "left of the lease")
        workers[index].held[shard] = (fence, workerNow + .milliseconds(tended.leaseLeftMs))
        sweeps.append(
            Sweep(store: worker.store, shard: shard, dueAtMs: tended.dueAtMs, stage: .due(tended.due)))
    }

    /// Users whose deadline has come, the most overdue first.
    private func due(in shard: Shard) -> [UserID] {
        let deadlines = seen[keys.deadlines(shard)]?.pairs ?? [:]
        return deadlines.compactMapValues { Int($0) }.filter { $0.value <= nowMs }
            .sorted { ($0.value, $0.key) < ($1.value, $1.key) }.compactMap { try? UserID($0.key) }
    }

    /// Does the next part of a sweep.
    /// - Returns: whether there is another.
    mutating func advanceSweep(_ index: Int) async throws -> Bool {
        guard sweeps.indices.contains(index) else { return false }
        let sweep = sweeps[index]
        var answer = SettleAnswer()
        switch sweep.stage {
        case .due(let users):
            sweeps[index].stage = .read(await sweep.store.read(users, &answer))
        case .read(let users):
            sweeps[index].stage = .ended(await sweep.store.rearm(users, &answer.failures))
        case .ended(let batches):
            sweeps.remove(at: index)
            note("  settles \(batches.joined().map(\.user.rawValue).joined(separator: " "))")
            let expected = settle(batches, sweep)
            await sweep.store.settle(batches, dueAtMs: sweep.dueAtMs, &answer)
            try expect(answer.settled, is: expected, .answer, "settled in shard \(sweep.shard)")
        }
        if let error = answer.failures.values.first { throw error }
        try expect(answer.unreadable, is: [], .record, "records that cannot be read")
        guard case .ended = sweep.stage else { return true }
        return false
    }

    private mutating func settle(_ batches: [[UserPresence]], _ sweep: Sweep) -> Int {
        guard model.isSwept(sweep.shard, nowMs: nowMs) else { return 0 }
        let began = model.graceBeganMs(sweep.shard, nowMs: nowMs)
        var settled = 0
        for presence in batches.joined() {
            settled +=
                model.users[presence.user]?.settle(
                    presence.sessions.map(\.id), sinceMs: sweep.dueAtMs[presence.user], graceBeganMs: began,
                    nowMs: nowMs) ?? 0
            commit(presence.user)
        }
        return settled
    }

    /// Time goes by while all shards are swept, so that it is no outage.
    /// - Parameter isSlow: what is due is settled only when all that time is over.
    mutating func live(forMs ms: Int, isSlow: Bool = false) async throws {
        note("\(ms) ms go by, swept\(isSlow ? ", settled slowly" : "")")
        var leftMs = ms
        while leftMs > 0 {
            let part = min(leftMs, 7_000)
            leftMs -= part
            try await pass(ms: part)
            for shard in 0..<Self.shards {
                guard let index = try await ownerIndex(of: shard) else { continue }
                try await tend(shard, index, usersMost: 100)
                if !isSlow { while try await advanceSweep(sweeps.count - 1) {} }
            }
            try await compare()
        }
    }

    /// Who has the shard, by its own clock and by Redis.
    private func holder(of shard: Shard) -> Int? {
        workers.indices.first { index in
            let fence = workers[index].fence(of: shard, workerNow)
            return fence.map { model.isOwner(workers[index].name, $0, of: shard) } ?? false
        }
    }

    /// The same; somebody takes it if nobody has it and it is free.
    private mutating func ownerIndex(of shard: Shard) async throws -> Int? {
        if let index = holder(of: shard) { return index }
        for index in workers.indices {
            try await own(shard, index)
            if workers[index].fence(of: shard, workerNow) != nil { return index }
        }
        return nil
    }
}
