import RedisClient

extension RedisCluster {
    /// The master that owns the slot, as most recently known to a node that is awake.
    package func owner(ofSlot slot: Int) async throws -> RedisServer {
        let view = try await view(of: awakeNodes[0])
        guard let id = view.nodes.first(where: { $0.slots.contains { $0.contains(slot) } })?.id,
            let owner = node(withID: id)
        else { throw TimedOut(description: "nobody owns slot \(slot)") }
        return owner
    }

    package func owner(ofKey key: String) async throws -> RedisServer {
        try await owner(ofSlot: slot(ofKey: key))
    }

    package func slot(ofKey key: String) async throws -> Int {
        Int(try await awakeNodes[0].command("CLUSTER", "KEYSLOT", key).int ?? 0)
    }

    package func slots(of node: RedisServer) async throws -> [ClosedRange<Int>] {
        try await view(of: awakeNodes[0]).nodes.first { $0.id == id(of: node) }?.slots ?? []
    }

    package func replicas(of master: RedisServer) async throws -> [RedisServer] {
        try await view(of: awakeNodes[0]).nodes.filter { $0.master == id(of: master) }
            .compactMap { node(withID: $0.id) }
    }

    /// Moves so many slots with their keys, as an operator does.
    package func reshard(_ slots: Int, from source: RedisServer, to destination: RedisServer) async throws {
        try await manage(
            "reshard", "--cluster-from", id(of: source), "--cluster-to", id(of: destination), "--cluster-slots",
            "\(slots)", "--cluster-yes")
    }

    /// Moves a slot with its keys.
    package func move(slot: Int, to destination: RedisServer) async throws {
        try await beginMove(slot: slot, to: destination).finish()
    }

    /// Begins to move a slot: what its owner does not have any more is asked for with ASK from now on.
    package func beginMove(slot: Int, to destination: RedisServer) async throws -> SlotMove {
        let move = SlotMove(cluster: self, slot: slot, source: try await owner(ofSlot: slot), destination: destination)
        try await destination.command("CLUSTER", "SETSLOT", "\(slot)", "IMPORTING", id(of: move.source))
        try await move.source.command("CLUSTER", "SETSLOT", "\(slot)", "MIGRATING", id(of: destination))
        return move
    }

    /// Runs `redis-cli --cluster` to its end.
    func manage(_ action: String, _ arguments: String...) async throws {
        let folder = try temporaryFolder("redis-cli")
        defer { removeFolder(folder) }
        let node = try await awakeNodes[0]
        let files = TestCertificate.Files(folder: node.folder)
        let tls =
            setup.tls == nil
            ? [] : ["--tls", "--cacert", files.authority, "--cert", files.certificate, "--key", files.key]
        let child = try ChildProcess(
            ["redis-cli"] + tls + ["--cluster", action, node.address] + arguments, folder: folder, log: "output")
        try await eventually(timeout: .seconds(120), else: "redis-cli --cluster \(action) does not end") {
            !child.isRunning
        }
        guard child.exitStatus == 0 else {
            throw TimedOut(description: "redis-cli --cluster \(action): \(child.logEnd)")
        }
    }
}

/// A slot on its way from one master to another.
package struct SlotMove: Sendable {
    let cluster: RedisCluster
    package let slot: Int
    package let source: RedisServer
    package let destination: RedisServer

    /// Moves up to so many keys and tells how many were there to move.
    @discardableResult
    package func moveKeys(_ count: Int) async throws -> Int {
        let keys = try await source.command("CLUSTER", "GETKEYSINSLOT", "\(slot)", "\(count)").array ?? []
        guard !keys.isEmpty else { return 0 }
        try await source.command(
            ["MIGRATE", destination.host, "\(destination.port)", "", "0", "5000", "KEYS"] + keys.compactMap(\.string))
        return keys.count
    }

    /// Moves one key of the slot.
    package func move(key: String) async throws {
        try await source.command(["MIGRATE", destination.host, "\(destination.port)", key, "0", "5000"])
    }

    /// Moves the keys that are left and gives the slot to its new owner.
    package func finish() async throws {
        while try await moveKeys(100) > 0 {}
        let others = try await cluster.awakeNodes.filter { $0 !== source && $0 !== destination }
        for node in [destination, source] + others {
            // Replicas hear of it from the others.
            guard try await node.info("role") == "master" else { continue }
            try await node.command("CLUSTER", "SETSLOT", "\(slot)", "NODE", cluster.id(of: destination))
        }
    }
}
