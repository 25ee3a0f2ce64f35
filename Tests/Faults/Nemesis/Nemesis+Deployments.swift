import PresenceStore
import Support

/// The master dies, and sentinels promote its replica. What that had not received is lost.
struct SentinelFailover: Nemesis {
    let name = "sentinel-failover"
    let needs = Needs(.sentinels, arguments: ["--appendonly", "yes"])
    let effect = Effect(delayMs: 14_000)
    let holdMs = 100...1_000
    private let killed = Remembered<(server: RedisServer, at: RunMs)>()

    func inject(_ stage: Stage, _ dice: inout SeededGenerator) async throws {
        guard let master = try await stage.settledMaster() else { return }
        killed.value = (master, stage.recorder.nowMs)
        try await master.kill()
    }

    func heal(_ stage: Stage) async throws {
        guard case .sentinels(let set) = stage.servers, let (former, at) = killed.value else { return }
        killed.value = nil
        try await eventually(else: "nobody takes over") {
            guard let master = try? await set.currentMaster(), master !== former else { return false }
            return (try? await master.info("role")) == "master"
        }
        stage.recorder.declareLoss(from: at - 1_000, to: stage.recorder.nowMs, since: at)
        try await former.start()
        try await set.settle()
    }
}

/// The master stands still for longer than sentinels wait, and comes back as if nothing had been.
struct SentinelPause: Nemesis {
    let name = "sentinel-pause"
    let needs = Needs(.sentinels, arguments: ["--appendonly", "yes"])
    let effect = Effect(delayMs: 14_000)
    let holdMs = 500...4_000
    private let paused = Remembered<(server: RedisServer, at: RunMs)>()

    func inject(_ stage: Stage, _ dice: inout SeededGenerator) async throws {
        guard let master = try await stage.settledMaster() else { return }
        paused.value = (master, stage.recorder.nowMs)
        await master.pause()
    }

    func heal(_ stage: Stage) async throws {
        guard case .sentinels(let set) = stage.servers, let (former, at) = paused.value else { return }
        paused.value = nil
        await former.resume()
        try await set.settle()
        stage.recorder.declareLoss(from: at - 1_000, to: stage.recorder.nowMs, since: at)
    }
}

/// A shard's slot moves to another master, with traffic on it.
struct SlotMoves: Nemesis {
    let name = "slot-move"
    let needs = Needs(.cluster, arguments: ["--appendonly", "yes", "--appendfsync", "always"])
    let effect = Effect(delayMs: 4_000)
    private let move = Remembered<SlotMove>()

    func inject(_ stage: Stage, _ dice: inout SeededGenerator) async throws {
        guard case .cluster(let cluster) = stage.servers else { return }
        let keys = KeySpace(prefix: "presence", shards: RunShards.usual)
        let slot = keys.slot(of: Int.random(in: 0..<RunShards.usual, using: &dice))
        let owner = try await cluster.owner(ofSlot: slot)
        let others = cluster.nodes.filter { $0 !== owner }
        guard let target = others.randomElement(using: &dice) else { return }
        move.value = try await cluster.beginMove(slot: slot, to: target)
        try await move.value?.moveKeys(Int.random(in: 0...4, using: &dice))
    }

    func heal(_ stage: Stage) async throws {
        try await move.value?.finish()
        move.value = nil
        guard case .cluster(let cluster) = stage.servers else { return }
        try await cluster.settle()
    }
}

/// A master without a replica dies and comes back with its append-only file; the others' users notice nothing.
struct KillClusterMaster: Nemesis {
    let name = "cluster-kill-master"
    let needs = Needs(.cluster, arguments: ["--appendonly", "yes", "--appendfsync", "always"])
    let effect = Effect(delayMs: 10_000)
    let holdMs = 200...4_000

    func inject(_ stage: Stage, _ dice: inout SeededGenerator) async throws {
        guard case .cluster(let cluster) = stage.servers else { return }
        try await cluster.nodes.randomElement(using: &dice)?.kill()
    }

    func heal(_ stage: Stage) async throws {
        guard case .cluster(let cluster) = stage.servers else { return }
        for node in cluster.nodes where await !node.isAwake {
            try await node.start()
            try await stage.answers(node)
        }
        try await cluster.settle()
    }
}

extension Stage {
    /// The master sentinels name once they agree; nil where there are none.
    fileprivate func settledMaster() async throws -> RedisServer? {
        guard case .sentinels(let set) = servers else { return nil }
        try await set.settle()
        return try await set.currentMaster()
    }
}
