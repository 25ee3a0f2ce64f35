import PresenceCore
import PresenceStore

/// How a course ends: nothing goes wrong any more, but for an event or two the receiver will never take.
extension Course {
    private static let roundsMost = 60
    /// So many times a round sends what may be sent, for what is refused may be sent again at once.
    private static let sendingsMost = 20

    mutating func heal() async throws {
        note("all is well from here on")
        receiver.moods = [:]
        receiver.isDown = false
        if chance(2), let poison = pick(undelivered.filter { $0.change.user != Self.pulse }) {
            receiver.poison = [poison.change.id]
            note("but that the receiver never takes \(poison.change.id) of \(poison.change.user)")
        }
        for index in workers.indices { while !workers[index].underWay.isEmpty { try await end(index) } }
        workers = []
        sweeps = []
        addWorker()
        try await pass(ms: Self.leaseMs)
        var rounds = 0
        while rounds < 2 || undelivered.contains(where: { !isDead($0) }) {
            rounds += 1
            guard rounds < Self.roundsMost else {
                let left = undelivered.filter { !isDead($0) }.map { "\($0.change.id) of \($0.change.user)" }
                throw Violation(.delivered, "after \(rounds) rounds: \(left)")
            }
            try await round()
        }
    }

    private mutating func round() async throws {
        try await pass(ms: 2_500)
        for shard in 0..<Self.shards {
            if workers[0].fence(of: shard, workerNow) == nil { try await own(shard, 0) }
            guard workers[0].fence(of: shard, workerNow) != nil else { continue }
            try await tend(shard, 0, usersMost: 100)
            while try await advanceSweep(sweeps.count - 1) {}
        }
        try await compare()
        try await beatPulse()
        try await compare()
        for shard in 0..<Self.shards { try await read(shard, 0) }
        for _ in 0..<Self.sendingsMost {
            for _ in 0..<SimulatedWorker.inFlightMost { try await start(0) }
            if workers[0].underWay.isEmpty { break }
            while !workers[0].underWay.isEmpty { try await end(0) }
        }
        for shard in 0..<Self.shards { try await write(shard, 0) }
        try await compare()
    }

    /// An event the receiver takes.
    private mutating func beatPulse() async throws {
        let id = try newSession(.web, "pulse")
        let login = UserModel.Login(id: id, worker: workers[0].name)
        _ = try await perform(login, of: Self.pulse, on: workers[0].store)
    }

    private var undelivered: [Model.Committed] {
        model.events.values.joined().filter { !receiver.accepted.contains($0.serial) }.sorted { $0.serial < $1.serial }
    }

    private func isDead(_ event: Model.Committed) -> Bool {
        seen.entries(keys.dead(keys.shard(of: event.change.user))).contains { $0.id == event.change.id }
    }
}
