import Logging
import Logs
import PresenceStore

/// Reading the outboxes and the events set aside.
extension Delivery {
    func readLoop() async {
        await signal.work(by: store.byHome) { woken in
            await self.read(woken)
            try? await Task.sleep(for: self.paces.readPause)
        }
    }

    /// Reads what is new in these shards and starts what may start.
    private func read(_ woken: Set<Shard>) async {
        let fences = owned.fences
        for (shard, state) in state.shards where fences[shard] != state.fence { self.state.shards[shard] = nil }
        await open(fences.filter { woken.contains($0.key) })
        await readAside(of: woken)
        var behind = woken
        let known = state.shards.filter { woken.contains($0.key) }.mapValues(\.window.last.position)
        while !behind.isEmpty, !isStopping {
            let serials = state.shards.mapValues(\.serial)
            let events = await store.events(from: state.readable(behind), limit: WorkerLimits.readEventsMax)
            failed(events.failures)
            behind = []
            var left = state.openLeft
            for (shard, entries) in events.answers {
                guard let serial = serials[shard] else { continue }
                switch state.take(shard, serial: serial, entries, left: &left) {
                case .caughtUp: break
                case .behind: behind.insert(shard)
                case .moved: reopen([shard])
                }
            }
            startIdle()
        }
        for (shard, position) in known {
            figures.changes.followed(shard, isWork: state.shards[shard]?.window.last.position != position)
        }
    }

    /// Shards are to be read anew, once their attempts in flight have ended.
    func reopen(_ shards: some Sequence<Shard>) {
        for shard in shards { state.shards[shard] = nil }
        signal.wake(shards)
    }

    /// Begins delivery of those of these shards that have none yet and no attempt in flight from before.
    private func open(_ owned: [Shard: Fence]) async {
        let fences = owned.filter { state.shards[$0.key] == nil && state.inFlight[$0.key] == nil }
        guard !fences.isEmpty else { return }
        let outboxes = await store.openOutboxes(fences)
        reading.failed(outboxes.failures)
        var opened: [Shard: OpenOutbox] = [:]
        for (shard, outbox) in outboxes.answers {
            guard let fence = fences[shard] else { continue }
            if let outbox {
                opened[shard] = outbox
                told(outbox, shard)
            } else {
                self.owned.lost([shard: fence])
            }
        }
        let aside = await wholeAside(of: Set(opened.keys))
        for (shard, outbox) in opened {
            guard let fence = fences[shard], let entries = aside[shard] else { continue }
            state.open(shard, fence: fence, outbox, aside: entries, .now)
        }
    }

    /// All events set aside of these shards; nothing of those that cannot be read.
    private func wholeAside(of shards: Set<Shard>) async -> [Shard: [OutboxEntry]] {
        var whole: [Shard: [OutboxEntry]] = [:]
        var starts = Dictionary(uniqueKeysWithValues: shards.map { ($0, "0-0") })
        while !starts.isEmpty {
            let pages = await store.aside(after: starts)
            reading.failed(pages.failures)
            starts = [:]
            for (shard, entries) in pages.answers {
                whole[shard, default: []] += entries
                if let last = entries.last { starts[shard] = last.position }
            }
            for shard in pages.failures.keys { whole[shard] = nil }
        }
        return whole
    }

    private func readAside(of shards: Set<Shard>) async {
        while !isStopping {
            let behind = asideBehind.intersection(shards)
            guard !behind.isEmpty else { return }
            asideBehind.subtract(behind)
            let serials = state.shards.filter { behind.contains($0.key) }.mapValues(\.serial)
            var starts: [Shard: String] = [:]
            for shard in serials.keys { starts[shard] = state.shards[shard]?.aside.lastRead }
            let pages = await store.aside(after: starts)
            failed(pages.failures)
            for (shard, entries) in pages.answers where !entries.isEmpty {
                guard let serial = serials[shard] else { continue }
                state.takeAside(shard, serial: serial, entries, .now)
                asideBehind.insert(shard)
            }
        }
    }

    /// Shards that cannot be read may hold something damaged: they are looked at.
    private func failed(_ failures: [Shard: StoreError]) {
        guard !failures.isEmpty else { return }
        reading.failed(failures)
        look(at: failures.keys)
    }

    func told(_ outbox: OpenOutbox, _ shard: Shard) {
        if outbox.wasMended { log.happened(.mended, [.shard: "\(shard)"], .now) }
    }
}
