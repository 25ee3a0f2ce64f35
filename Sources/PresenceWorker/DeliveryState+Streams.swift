import PresenceCore
import PresenceStore

/// What was read of the streams, and what is written back.
extension DeliveryState {
    /// How reading of a shard goes on.
    package enum Reading: Equatable {
        case caughtUp
        /// There may be more to read at once.
        case behind
        /// What stands there is not what was read before: the shard is to be read anew.
        case moved
    }

    /// How writing of a shard goes on.
    package enum Writing: Equatable {
        case done
        /// The shard is to be read anew.
        case moved
        case lost
    }

    /// Delivery of a shard begins. The shard's fence was taken before the cursor was read, and the cursor before the
    /// events set aside: nobody else has moved either since.
    package mutating func open(
        _ shard: Shard, fence: Fence, _ outbox: OpenOutbox, aside: [OutboxEntry], _ now: ContinuousClock.Instant
    ) {
        let serial = nextSerial()
        shards[shard] = ShardDelivery(fence: fence, serial: serial, outbox: outbox, paces: paces, now: now)
        takeAside(shard, serial: serial, aside, now)
    }

    /// Where reading of the outboxes goes on, for those with room.
    package func readable(_ woken: some Sequence<Shard>) -> [Shard: String] {
        let left = openLeft
        var positions: [Shard: String] = [:]
        for shard in woken where !leaving.contains(shard) {
            if let state = shards[shard], state.room(left: left) > 0 { positions[shard] = state.window.last.position }
        }
        return positions
    }

    /// How many more events may be open over all shards.
    package var openLeft: Int { WorkerLimits.openEventsMax - shards.values.reduce(0) { $0 + $1.window.openCount } }

    /// Takes in events read from the last one on, that one among them.
    /// - Parameter left: how many more events may be open over all shards; those taken are taken off.
    package mutating func take(_ shard: Shard, serial: Int, _ entries: [OutboxEntry], left: inout Int) -> Reading {
        guard shards[shard]?.serial == serial, let reading = shards[shard]?.take(entries, left: &left) else {
            return .caughtUp
        }
        // What is set aside as it is read, or cannot be read, is to be acknowledged without an attempt.
        if shards[shard]?.window.isFrontSettled == true { unwritten.insert(shard) }
        queue(shard)
        return reading
    }

    /// Shards that stopped reading for lack of room and have some again.
    mutating func roomy(_ woken: some Sequence<Shard>) -> [Shard] {
        let left = openLeft
        return woken.filter { shard in
            shards[shard].map { $0.isShort && $0.room(left: left) >= WorkerLimits.windowOpenLeast / 2 } ?? false
        }
    }

    /// Takes in events set aside that were read after the last one.
    package mutating func takeAside(
        _ shard: Shard, serial: Int, _ entries: [OutboxEntry], _ now: ContinuousClock.Instant
    ) {
        guard shards[shard]?.serial == serial, let read = shards[shard]?.aside.read(entries) else { return }
        for user in read.users {
            shards[shard]?.window.setAside(user)
            schedule(user, in: shard, after: paces.asideRetry.duration(afterAttempt: 1), now: now)
        }
        let excess = shards[shard]?.aside.removeExcess(of: Set(entries.compactMap(\.change?.user))) ?? []
        finish(read.unreadable.map { FinishedAside(entry: $0, whyDead: Self.unreadable) } + excess, in: shard)
        unwritten.insert(shard)
    }

    private static let unreadable = "no event this version can read"

    private mutating func finish(_ finished: [FinishedAside], in shard: Shard) {
        shards[shard]?.finished += finished
        unwritten.insert(shard)
    }

    /// What can be acknowledged of these shards.
    package mutating func fronts(of woken: some Sequence<Shard>) -> [Shard: DoneEvents] {
        var fronts: [Shard: DoneEvents] = [:]
        for shard in woken {
            if let fence = shards[shard]?.fence { fronts[shard] = shards[shard]?.window.front(fence: fence) }
        }
        return fronts
    }

    /// What is to be finished of these shards.
    package func finishes(of woken: some Sequence<Shard>) -> [Shard: (fence: Fence, events: [FinishedAside])] {
        var finishes: [Shard: (fence: Fence, events: [FinishedAside])] = [:]
        for shard in woken {
            guard let state = shards[shard], !state.finished.isEmpty else { continue }
            finishes[shard] = (state.fence, Array(state.finished.prefix(WorkerLimits.finishedMax)))
        }
        return finishes
    }

    /// Takes the answer to an acknowledgement.
    package mutating func acknowledged(
        _ shard: Shard, serial: Int, _ events: DoneEvents, _ answer: Acknowledgement, _ now: ContinuousClock.Instant
    ) -> Writing {
        guard shards[shard]?.serial == serial else { return .done }
        switch answer {
        case .lost: return .lost
        case .moved: return .moved
        case .already:
            // An earlier call came through, whose answer is lost: which entries its copies have is not known.
            guard events.aside.isEmpty else { return .moved }
            _ = shards[shard]?.window.acknowledged(count: events.count)
            return .done
        case .acknowledged(let entries):
            guard entries.count == events.aside.count,
                let changes = shards[shard]?.window.acknowledged(count: events.count)
            else { return .moved }
            for (entry, change) in zip(entries, changes) {
                if shards[shard]?.aside.copied(entry, change) == true, let change {
                    schedule(change.user, in: shard, after: paces.asideRetry.duration(afterAttempt: 1), now: now)
                } else if change == nil {
                    finish([FinishedAside(entry: entry, whyDead: Self.unreadable)], in: shard)
                }
            }
            if !entries.isEmpty {
                let users = Set(changes.compactMap { $0?.user })
                finish(shards[shard]?.aside.removeExcess(of: users) ?? [], in: shard)
            }
            return .done
        }
    }

    /// The first so many of what is to be finished are.
    package mutating func finished(_ shard: Shard, serial: Int, count: Int) {
        guard shards[shard]?.serial == serial else { return }
        shards[shard]?.finished.removeFirst(count)
    }

    /// Takes what a look at the shard has shown.
    /// - Returns: what is to be acknowledged once more, as the cursor does not stand where it was put.
    package mutating func looked(
        _ shard: Shard, serial: Int, _ outbox: OpenOutbox, _ now: ContinuousClock.Instant
    ) -> DoneEvents? {
        guard let state = shards[shard], state.serial == serial else { return nil }
        shards[shard]?.setClock(outbox.nowMs, now)
        let cursor = state.window.cursor
        guard outbox.cursor.position != cursor.position else { return nil }
        return DoneEvents(fence: state.fence, after: "", position: cursor.position, id: cursor.id, count: 0)
    }
}
