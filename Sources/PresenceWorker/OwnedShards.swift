import PresenceStore
import Synchronization

/// The shards this worker owns, shared by the loops that work on them. Every decision is `ShardOwnership`'s.
package final class OwnedShards: Sendable {
    private struct State {
        var ownership: ShardOwnership
        var lagMs: [Shard: Int] = [:]
        /// Why shards of this worker's share could not be taken or swept when that was tried last.
        var troubles: [Shard: String] = [:]
    }

    private let state: Mutex<State>
    private let changes: AsyncStream<Set<Shard>>.Continuation
    /// The shards owned, whenever they change.
    let shards: AsyncStream<Set<Shard>>

    init(worker: String, shards count: Int) {
        state = Mutex(State(ownership: ShardOwnership(worker: worker, shards: count)))
        (shards, changes) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Those whose lease has not ended by this worker's own clock, with their fence tokens.
    var fences: [Shard: Fence] { state.withLock { $0.ownership.fences(now: .now) } }

    /// Whether the shard is owned, under this fence token, at this moment. To be asked before anything that another
    /// owner must not do a second time.
    func holds(_ shard: Shard, _ fence: Fence) -> Bool {
        state.withLock { $0.ownership.holds(shard, fence, now: .now) }
    }

    func round(sharers: [String], leasesUnheard: Int) -> ShardOwnership.Round {
        state.withLock { $0.ownership.round(sharers: sharers, leasesUnheard: leasesUnheard, now: .now) }
    }

    /// - Parameter asked: when Redis was asked, from which the lease counts at the latest.
    func took(_ owned: [Shard: Ownership], leaseMs: Int, asked: ContinuousClock.Instant) {
        state.withLock { state in
            for (shard, owner) in owned {
                state.ownership.took(shard, fence: owner.fence, leaseEnds: asked + .milliseconds(leaseMs))
            }
        }
        tellShards()
    }

    func tended(_ shard: Shard, _ fence: Fence, _ tended: Tended, asked: ContinuousClock.Instant) {
        state.withLock { state in
            state.ownership.renewed(shard, fence: fence, leaseEnds: asked + .milliseconds(tended.leaseLeftMs))
            state.lagMs[shard] = tended.lagMs == 0 ? nil : tended.lagMs
            state.troubles[shard] = nil
        }
    }

    func lost(_ lost: [Shard: Fence]) {
        state.withLock { state in
            for (shard, fence) in lost {
                state.ownership.lost(shard, fence: fence)
                state.lagMs[shard] = nil
            }
        }
        tellShards()
    }

    /// These shards could not be taken or swept: how late they are is not known.
    func untended(_ failures: [Shard: StoreError]) {
        state.withLock { state in
            for (shard, error) in failures {
                state.lagMs[shard] = nil
                state.troubles[shard] = error.message
            }
        }
    }

    /// These shards are with other workers.
    func areOthers(_ shards: some Sequence<Shard>) {
        state.withLock { state in
            for shard in shards { state.troubles[shard] = nil }
        }
    }

    /// How many shards cannot be taken or swept, and why, for each reason.
    var troubles: [(message: String, shards: Int)] {
        let messages = state.withLock { Array($0.troubles.values) }
        return Dictionary(grouping: messages, by: \.self).map { ($0, $1.count) }.sorted { $0.1 > $1.1 }
    }

    /// How overdue the most overdue user of all owned shards was when they were swept last.
    var lagMs: Int {
        state.withLock { state in
            let held = state.ownership.fences(now: .now)
            return state.lagMs.filter { held[$0.key] != nil }.values.max() ?? 0
        }
    }

    private func tellShards() { changes.yield(Set(fences.keys)) }
}
