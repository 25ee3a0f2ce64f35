import PresenceCore
import PresenceStore

/// Time, and what goes wrong.
extension Course {
    mutating func addWorker() {
        workersMade += 1
        var options = rules.options
        options.worker = "w\(workersMade)"
        let store = PresenceStore(redis: server.redis, keys: keys, options: options)
        workers.append(SimulatedWorker(options.worker, store))
    }

    /// A worker dies, and another takes its place. What it had sent to Redis may still arrive.
    mutating func loseWorker() {
        guard let index = workers.indices.randomElement(using: &random) else { return }
        let dead = workers.remove(at: index)
        if chance(2) { sweeps.removeAll { $0.store.options.worker == dead.name } }
        addWorker()
        faults += 1
        note("\(dead.name) dies, \(workers.last?.name ?? "") comes")
    }

    mutating func letTimePass() async throws {
        switch Int.random(in: 0..<20, using: &random) {
        case 0..<10:
            let ms = pick([1, 7, 100, 900, 1_500]) ?? 1
            note("\(ms) ms go by")
            try await pass(ms: ms)
        case 10..<15:
            let ms = pick([3_000, 9_000, 14_000]) ?? 1
            note("\(ms) ms go by")
            try await pass(ms: ms)
        case 15..<17:
            let ms = pick([16_000, 31_000, 62_000, 160_000, 410_000, 620_000, 910_000]) ?? 1
            note("\(ms) ms go by, and nobody sweeps")
            faults += 1
            try await pass(ms: ms)
        case 17: try await live(forMs: 20_000, isSlow: true)
        case 18: try await live(forMs: pick([31_000, 62_000]) ?? 1)
        default: try await live(forMs: pick([62_000, 160_000]) ?? 1, isSlow: chance(2))
        }
    }

    /// Time goes by for all.
    mutating func pass(ms: Int) async throws {
        workerNow += .milliseconds(ms)
        try await setTime(nowMs + ms)
    }

    /// The server's clock is set, and the workers' go on as they did.
    mutating func setClock() async throws {
        let ms = pick([-1, -20, -800, -4_000, -20_000, -120_000, 2_000, 20_000]) ?? 1
        note("the server's clock is set by \(ms) ms")
        faults += 1
        setBackMs += max(0, -ms)
        try await setTime(nowMs + ms)
    }

    /// What has ended is gone for good, as it is where Redis looks for it by itself.
    mutating func setTime(_ ms: Int) async throws {
        nowMs = ms
        longestMs = max(longestMs, ms)
        try server.set(nowMs: ms)
        if !seen.values.isEmpty { try await server.command(["EXISTS"] + seen.values.keys.sorted()) }
        model.pass(to: ms)
    }

    mutating func troubleRedis() async throws {
        switch Int.random(in: 0..<10, using: &random) {
        case 0: try await forgetScripts()
        case 1..<3: try await save()
        case 3..<5: try await restart()
        case 5..<7: try await restore()
        case 7..<9: try await failOver()
        default:
            guard chance(3) else { return }
            note("all data are lost")
            try await server.command("FLUSHALL")
            lose(Model(Self.users, rules))
        }
    }

    mutating func forgetScripts() async throws {
        note("Redis forgets its scripts")
        try await server.command("SCRIPT", "FLUSH")
    }

    mutating func save() async throws {
        note("Redis is saved")
        try await server.command("SAVE")
        dump = (model, nowMs)
    }

    /// Redis starts again, from its log or from what it saved. Where that takes long it is the server that is there
    /// already that loads what it saved, as it does at a start.
    private mutating func restart() async throws {
        faults += 1
        if chance(2), isLogWhole, losses == 0 {
            note("Redis is killed, and starts from its log")
            return try await server.restart()
        }
        if chance(4) {
            note("Redis is saved and killed, and starts from what it saved")
            try await server.command("SAVE")
            try await server.restart(fromDump: "\(server.folder)/dump.rdb")
        } else {
            note("Redis saves, and loads what it saved")
            try await server.command("DEBUG", "RELOAD")
        }
        dump = (model, nowMs)
    }

    /// An old dump is loaded, or a replica becomes master that lacks the end: its clock may be behind.
    private mutating func restore() async throws {
        guard let dump else { return }
        note("Redis has what it had at \(dump.atMs - Self.startMs) ms")
        let lackedMs = nowMs - dump.atMs
        if chance(2), lackedMs > 0, lackedMs < 120_000 {
            note("and its clock is behind")
            setBackMs += lackedMs
            try await setTime(dump.atMs + Int.random(in: 0...min(lackedMs, 10), using: &random))
        }
        try await server.command("DEBUG", "RELOAD", "NOSAVE")
        lose(dump.model)
        model.pass(to: nowMs)
    }

    /// A replica becomes master that lacks what a worker has read, and goes on by a clock of its own: other events stand
    /// where those stood that the worker is about to acknowledge.
    private mutating func failOver() async throws {
        try await save()
        try await liveOn()
        let owned = Dictionary(uniqueKeysWithValues: workers.indices.map { ($0, workers[$0].owned(workerNow)) })
        for (index, shards) in owned.sorted(by: { $0.key < $1.key }) {
            for shard in shards { try await read(shard, index) }
            for _ in 0..<4 { try await start(index) }
            while !workers[index].underWay.isEmpty { try await end(index) }
        }
        try await compare()
        try await restore()
        try await compare()
        try await liveOn()
        for (index, shards) in owned.sorted(by: { $0.key < $1.key }) {
            for shard in shards { try await write(shard, index) }
        }
    }

    private mutating func liveOn() async throws {
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            try await login()
            try await compare()
            try await pass(ms: Int.random(in: 0...3, using: &random))
        }
    }

    mutating func lose(_ left: Model) {
        model = left
        losses += 1
        faults += 1
    }
}
