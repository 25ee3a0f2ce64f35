import Logging
import Logs
import PresenceStore

/// Writing back: the cursor moves over what is done, what is set aside is copied, and what became of it is noted.
extension Delivery {
    func writeLoop() async {
        while let woken = await writing.next() {
            await write(woken)
            if isLookDue { await look() }
            try? await Task.sleep(for: paces.acknowledgePause)
        }
    }

    /// Writes back all there is of these shards. One call at a time.
    func write(_ woken: Set<Shard>) async {
        var behind = woken
        while !behind.isEmpty {
            let serials = state.shards.mapValues(\.serial)
            let fronts = state.fronts(of: behind)
            let finishes = state.finishes(of: behind)
            for shard in behind where fronts[shard] == nil && finishes[shard] == nil { state.unwritten.remove(shard) }
            signal.wake(state.roomy(behind))
            var failed: [Shard] = []
            do {
                if !fronts.isEmpty { failed += try await acknowledge(fronts, serials) }
                if !finishes.isEmpty { failed += try await finish(finishes, serials) }
            } catch {
                acknowledging.failed(error)
                failed = Array(behind)
            }
            behind = Set(fronts.keys).union(finishes.keys).subtracting(failed)
            guard failed.isEmpty || isStopping else {
                try? await Task.sleep(for: paces.failurePause)
                isLookDue = true
                return
            }
        }
    }

    /// - Returns: shards that could not be written.
    private func acknowledge(
        _ fronts: [Shard: DoneEvents], _ serials: [Shard: Int]
    ) async throws(StoreError) -> [Shard] {
        let answers = try await store.acknowledge(fronts)
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
    ) async throws(StoreError) -> [Shard] {
        let answers = try await store.finishAside(finishes)
        acknowledging.failed(answers.failures)
        for (shard, answer) in answers.answers {
            guard let (fence, events) = finishes[shard], let serial = serials[shard] else { continue }
            switch answer {
            case .lost: lost(shard, fence)
            case .finished(_, let dropped):
                state.finished(shard, serial: serial, count: events.count)
                if dropped > 0 { log.happened(.dropped, count: dropped, [.shard: "\(shard)"], .now) }
            }
        }
        return Array(answers.failures.keys)
    }

    private func lost(_ shard: Shard, _ fence: Fence) {
        if state.shards[shard]?.fence == fence { state.shards[shard] = nil }
        owned.lost([shard: fence])
    }

    /// Looks whether cursor and backlog of every shard are whole, so that what was damaged by hand is mended also where
    /// nothing is delivered.
    private func look() async {
        isLookDue = false
        let serials = state.shards.mapValues(\.serial)
        do {
            let outboxes = try await store.openOutboxes(state.shards.mapValues(\.fence))
            reading.failed(outboxes.failures)
            var again: [Shard: DoneEvents] = [:]
            for (shard, outbox) in outboxes.answers {
                guard let outbox, let serial = serials[shard] else { continue }
                told(outbox, shard)
                again[shard] = state.looked(shard, serial: serial, outbox, .now)
            }
            if !again.isEmpty { _ = try await acknowledge(again, serials) }
        } catch {
            reading.failed(error)
        }
    }
}

/// Where nobody is to be told: the cursors follow the events.
extension Delivery {
    func passLoop() async {
        while let woken = await signal.next() {
            guard !isWaiting else { continue }
            let fences = owned.fences
            do {
                if isLookDue {
                    isLookDue = false
                    for (shard, outbox) in try await store.openOutboxes(fences).answers {
                        if let outbox { told(outbox, shard) }
                    }
                }
                let due = fences.filter { woken.contains($0.key) }
                let answers = try await store.passEvents(due)
                acknowledging.failed(answers.failures)
                for (shard, fence) in due {
                    guard let answer = answers[shard] else { continue }
                    passed[shard] = answer.position
                    if answer == .lost { owned.lost([shard: fence]) }
                }
            } catch {
                acknowledging.failed(error)
                try? await Task.sleep(for: paces.failurePause)
            }
            try? await Task.sleep(for: paces.acknowledgePause)
        }
    }
}
