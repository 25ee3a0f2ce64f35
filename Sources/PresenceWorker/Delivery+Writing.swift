import Logging
import Logs
import PresenceStore
import Telemetry

/// Writing back: the cursor moves over what is done, what is set aside is copied, and what became of it is noted.
extension Delivery {
    func writeLoop() async {
        await writing.work(by: store.byHome) { woken in
            await self.write(woken)
            await self.look(among: woken)
            try? await Task.sleep(for: self.paces.acknowledgePause)
        }
    }

    /// Writes back all there is of these shards, but for those that could not be written a moment ago. One call for a
    /// shard at a time.
    func write(_ woken: Set<Shard>) async {
        let now = ContinuousClock.now
        resting = isStopping ? [:] : resting.filter { now < $0.value }
        var behind = woken.subtracting(resting.keys)
        while !behind.isEmpty {
            let serials = state.shards.mapValues(\.serial)
            let fronts = state.fronts(of: behind)
            let finishes = state.finishes(of: behind)
            for shard in behind where fronts[shard] == nil && finishes[shard] == nil { state.unwritten.remove(shard) }
            signal.wake(state.roomy(behind))
            var failed: [Shard] = []
            if !fronts.isEmpty { failed += await acknowledge(fronts, serials) }
            if !finishes.isEmpty { failed += await finish(finishes, serials) }
            behind = Set(fronts.keys).union(finishes.keys).subtracting(failed)
            for shard in failed { resting[shard] = .now + paces.failurePause }
            lookDue.formUnion(failed)
        }
    }

    /// - Returns: shards that could not be written.
    private func acknowledge(_ fronts: [Shard: DoneEvents], _ serials: [Shard: Int]) async -> [Shard] {
        let answers = await store.acknowledge(fronts)
        acknowledging.failed(answers.failures)
        for (shard, answer) in answers.answers {
            guard let events = fronts[shard], let serial = serials[shard] else { continue }
            switch state.acknowledged(shard, serial: serial, events, answer, .now) {
            case .done: break
            case .moved: reopen([shard])
            case .lost: lost(shard, events.fence)
            }
        }
        return Array(answers.failures.keys)
    }

    /// - Returns: shards that could not be written.
    private func finish(
        _ finishes: [Shard: (fence: Fence, events: [FinishedAside])], _ serials: [Shard: Int]
    ) async -> [Shard] {
        let answers = await store.finishAside(finishes)
        acknowledging.failed(answers.failures)
        for (shard, answer) in answers.answers {
            guard let (fence, events) = finishes[shard], let serial = serials[shard] else { continue }
            switch answer {
            case .lost: lost(shard, fence)
            case .finished(_, let dropped):
                state.finished(shard, serial: serial, count: events.count)
                figures.deadLettered.count(events.count { $0.whyDead != nil })
                figures.deadLettersDropped.count(dropped)
                if dropped > 0 { log.happened(.dropped, count: dropped, [.shard: "\(shard)"], .now) }
            }
        }
        return Array(answers.failures.keys)
    }

    private func lost(_ shard: Shard, _ fence: Fence) {
        if state.shards[shard]?.fence == fence { state.shards[shard] = nil }
        owned.lost([shard: fence])
    }

    /// Looks whether cursor and backlog of shards that are due are whole, so that what was damaged by hand is mended
    /// also where nothing is delivered.
    private func look(among shards: Set<Shard>) async {
        let due = lookDue.intersection(shards)
        guard !due.isEmpty else { return }
        lookDue.subtract(due)
        let looked = state.shards.filter { due.contains($0.key) }
        let serials = looked.mapValues(\.serial)
        let outboxes = await store.openOutboxes(looked.mapValues(\.fence))
        reading.failed(outboxes.failures)
        var again: [Shard: DoneEvents] = [:]
        for (shard, outbox) in outboxes.answers {
            guard let outbox, let serial = serials[shard] else { continue }
            told(outbox, shard)
            again[shard] = state.looked(shard, serial: serial, outbox, .now)
        }
        if !again.isEmpty { _ = await acknowledge(again, serials) }
    }
}

/// Where nobody is to be told: the cursors follow the events.
extension Delivery {
    func passLoop() async {
        await signal.work(by: store.byHome) { woken in
            await self.pass(woken)
            try? await Task.sleep(for: self.paces.acknowledgePause)
        }
    }

    private func pass(_ woken: Set<Shard>) async {
        guard !isWaiting else { return }
        let due = owned.fences.filter { woken.contains($0.key) }
        let looked = due.filter { lookDue.contains($0.key) || passed[$0.key] == nil }
        lookDue.subtract(looked.keys)
        if !looked.isEmpty {
            for (shard, outbox) in await store.openOutboxes(looked).answers {
                if let outbox { told(outbox, shard) }
            }
        }
        let answers = await store.passEvents(due)
        acknowledging.failed(answers.failures)
        for (shard, fence) in due {
            guard let answer = answers[shard] else { continue }
            figures.changes.followed(shard, isWork: passed[shard] != answer.position)
            passed[shard] = answer.position
            if answer == .lost { owned.lost([shard: fence]) }
        }
    }
}
