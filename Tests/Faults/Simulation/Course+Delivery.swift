import PresenceCore
import PresenceStore
import PresenceWorker

/// Delivering, by the decisions of `DeliveryState` and the calls `Delivery` makes for them, each a step of its own.
extension Course {
    mutating func deliverSomewhere() async throws {
        guard let index = workers.indices.randomElement(using: &random) else { return }
        let shard = workers[index].owned(workerNow).randomElement(using: &random)
        switch Int.random(in: 0..<10, using: &random) {
        case 0..<3: if let shard { try await read(shard, index) }
        case 3..<6: try await start(index)
        case 6..<8: try await end(index)
        case 8: if let shard { try await write(shard, index) }
        default: if let shard { try await look(shard, index) }
        }
    }

    /// Reads what is new of a shard; where nothing is known of it, from the cursor on.
    mutating func read(_ shard: Shard, _ index: Int) async throws {
        guard let fence = workers[index].fence(of: shard, workerNow) else { return }
        let store = workers[index].store
        note("\(workers[index].name) reads the events of shard \(shard)")
        if workers[index].delivery.shards[shard].map({ $0.fence != fence }) ?? false {
            workers[index].delivery.forget(shard)
        }
        if workers[index].delivery.shards[shard] == nil {
            guard workers[index].delivery.inFlight[shard] == nil else { return }
            let outboxes = await store.openOutboxes([shard: fence])
            if let error = outboxes.failures[shard] { throw error }
            guard let outbox = outboxes[shard] ?? nil else { return workers[index].lost(shard) }
            let aside = try await asideEntries(of: shard, after: "0-0", store)
            workers[index].delivery.open(shard, fence: fence, outbox, aside: aside, workerNow)
        } else if let state = workers[index].delivery.shards[shard] {
            let aside = try await asideEntries(of: shard, after: state.aside.lastRead, store)
            workers[index].delivery.takeAside(shard, serial: state.serial, aside, workerNow)
        }
        guard let serial = workers[index].delivery.shards[shard]?.serial else { return }
        let events = await store.events(from: workers[index].delivery.readable([shard]), limit: 512)
        if let error = events.failures[shard] { throw error }
        var left = workers[index].delivery.openLeft
        guard let entries = events[shard] else { return }
        let reading = workers[index].delivery.take(shard, serial: serial, entries, left: &left)
        if reading == .moved {
            note("  what stands there is not what was read before")
            workers[index].delivery.forget(shard)
        }
    }

    private func asideEntries(
        of shard: Shard, after position: String, _ store: PresenceStore
    ) async throws -> [OutboxEntry] {
        let pages = await store.aside(after: [shard: position])
        if let error = pages.failures[shard] { throw error }
        return pages[shard] ?? []
    }

    /// Begins the next attempt that may be made.
    mutating func start(_ index: Int) async throws {
        guard workers[index].underWay.count < SimulatedWorker.inFlightMost else { return }
        workers[index].delivery.tick(workerNow)
        guard let attempt = workers[index].delivery.next(workerNow) else { return }
        var change = attempt.change
        if case .aside(let entry) = attempt.source {
            change = try await workers[index].store.aside(entry, of: attempt.shard)?.change
        }
        guard let change else {
            _ = workers[index].delivery.ended(attempt, .gone, workerNow)
            return
        }
        guard workers[index].fence(of: attempt.shard, workerNow) == attempt.fence else {
            _ = workers[index].delivery.ended(attempt, .notOwned, workerNow)
            return
        }
        note("\(workers[index].name) sends \(change.id) of \(change.user)")
        try checkBody(of: change)
        workers[index].underWay.append((attempt, change))
    }

    /// An attempt ends as the receiver wants it.
    mutating func end(_ index: Int) async throws {
        guard let place = workers[index].underWay.indices.randomElement(using: &random) else { return }
        let (attempt, change) = workers[index].underWay.remove(at: place)
        let (takes, outcome) = receiver.meets(change)
        note("  \(change.id) meets \(outcome)")
        if takes { try accept(change) }
        if case .refused = outcome, let event = event(of: change) { receiver.refusals[event.serial, default: 0] += 1 }
        _ = workers[index].delivery.ended(attempt, .outcome(outcome), workerNow)
    }

    /// The event of this course that this is; nil if it is one of a course that is lost.
    func event(of change: StatusChange) -> Model.Committed? {
        model.events[keys.shard(of: change.user)]?.last { $0.change.id == change.id && $0.change == change }
    }

    private func checkBody(of change: StatusChange) throws {
        guard receiver.known[change.id]?.contains(change) != true else { return }
        throw Violation(.body, "\(change) was sent, and committed was \(receiver.known[change.id] ?? [])")
    }

    private mutating func accept(_ change: StatusChange) throws {
        guard let event = event(of: change) else {
            // An event of before data were lost.
            return try expect(losses > 0, is: true, .body, "\(change.id) was sent and never committed")
        }
        guard receiver.accepted.insert(event.serial).inserted else { return }
        let missed = model.events[keys.shard(of: change.user)]?.first {
            $0.serial < event.serial && $0.change.user == change.user && !receiver.accepted.contains($0.serial)
                && !isGivenUp($0)
        }
        if let missed { throw Violation(.order, "\(change.id) was delivered before \(missed.change.id)") }
    }

    /// Whether it may be a dead letter: refused again and again, or too old.
    private func isGivenUp(_ event: Model.Committed) -> Bool {
        receiver.refusals[event.serial, default: 0] >= SimulatedWorker.paces.deadRefusals
            || longestMs - event.change.atMs > 3_600_000
    }

    /// Writes back what became of events, at times twice, as when an answer is lost.
    mutating func write(_ shard: Shard, _ index: Int) async throws {
        let store = workers[index].store
        guard let serial = workers[index].delivery.shards[shard]?.serial else { return }
        let fronts = workers[index].delivery.fronts(of: [shard])
        let finishes = workers[index].delivery.finishes(of: [shard])
        let isLost = chance(6)
        if let events = fronts[shard] {
            note(
                "\(workers[index].name) acknowledges up to \(events.position) of shard \(shard), \(events.aside) aside")
            if isLost { _ = await store.acknowledge(fronts) }
            let answers = await store.acknowledge(fronts)
            guard let answer = answers[shard] else { throw answers.failures[shard] ?? unanswered(shard) }
            let writing = workers[index].delivery.acknowledged(shard, serial: serial, events, answer, workerNow)
            try follow(writing, shard, index)
        }
        if let (fence, events) = finishes[shard] {
            note("\(workers[index].name) finishes \(events.map { "\($0.entry) \($0.whyDead ?? "delivered")" })")
            if isLost { _ = await store.finishAside(finishes) }
            switch await store.finishAside([shard: (fence, events)])[shard] {
            case .finished: workers[index].delivery.finished(shard, serial: serial, count: events.count)
            case .lost: try follow(.lost, shard, index)
            case nil: throw unanswered(shard)
            }
        }
    }

    private func unanswered(_ shard: Shard) -> DrivenServer.Unusable {
        DrivenServer.Unusable("shard \(shard) did not answer")
    }

    private mutating func follow(_ writing: DeliveryState.Writing, _ shard: Shard, _ index: Int) throws {
        switch writing {
        case .done: break
        case .moved:
            note("  what stands there is not what was read before")
            workers[index].delivery.forget(shard)
        case .lost:
            note("  the shard is another's")
            workers[index].delivery.forget(shard)
            workers[index].lost(shard)
        }
    }

    /// Looks whether the cursor stands where it was put.
    mutating func look(_ shard: Shard, _ index: Int) async throws {
        guard let state = workers[index].delivery.shards[shard] else { return }
        note("\(workers[index].name) looks at the cursor of shard \(shard)")
        guard let outbox = await workers[index].store.openOutboxes([shard: state.fence])[shard] ?? nil,
            let again = workers[index].delivery.looked(shard, serial: state.serial, outbox, workerNow)
        else { return }
        guard let answer = await workers[index].store.acknowledge([shard: again])[shard] else { return }
        try follow(
            workers[index].delivery.acknowledged(shard, serial: state.serial, again, answer, workerNow), shard, index)
    }

    mutating func changeMood() {
        if chance(4) {
            receiver.isDown.toggle()
            note("the receiver is \(receiver.isDown ? "down" : "up")")
        } else if let user = pick(Self.users.dropLast()), let mood = pick(SimulatedReceiver.Mood.allCases) {
            receiver.moods[user] = mood
            note("the receiver is \(mood) for \(user)")
        }
        faults += 1
    }

    mutating func replay() async throws {
        let shard = Int.random(in: 0..<Self.shards, using: &random)
        guard let worker = pick(workers) else { return }
        let letters = seen.entries(keys.dead(shard)).count
        let answer = try await worker.store.replayDeadLetters(of: shard)
        if letters > 0 { note("\(letters) dead letters of shard \(shard) are replayed") }
        try expect(answer, is: ReplayAnswer(replayed: letters), .answer, "replay of shard \(shard)")
    }
}
