import PresenceStore
import Synchronization

/// The shards this worker owns, with their fence tokens, and when each was swept last. Shared by the loops.
final class OwnedShards: Sendable {
    private struct State {
        var fences: [Shard: Fence] = [:]
        var sweptAt: [Shard: ContinuousClock.Instant] = [:]
        var lagMs = 0
        var unowned: Set<Shard> = []
    }

    private let state = Mutex(State())

    var fences: [Shard: Fence] { state.withLock(\.fences) }

    /// Whether the shard is owned under this fence.
    func holds(_ shard: Shard, _ fence: Fence) -> Bool { state.withLock { $0.fences[shard] == fence } }

    /// - Returns: the shards that were owned and are no more.
    func replace(with fences: [Shard: Fence]) -> [Shard: Fence] {
        state.withLock { state in
            let lost = state.fences.filter { fences[$0.key] != $0.value }
            for shard in fences.keys where state.fences[shard] != fences[shard] { state.sweptAt[shard] = .now }
            for shard in lost.keys where fences[shard] == nil { state.sweptAt[shard] = nil }
            state.fences = fences
            return lost
        }
    }

    func remove(_ shard: Shard, fence: Fence) {
        state.withLock { state in
            guard state.fences[shard] == fence else { return }
            state.fences[shard] = nil
            state.sweptAt[shard] = nil
        }
    }

    func swept(_ shards: some Sequence<Shard>, lagMs: Int) {
        state.withLock { state in
            for shard in shards where state.fences[shard] != nil { state.sweptAt[shard] = .now }
            state.lagMs = lagMs
        }
    }

    /// How long ago the shard swept longest ago was swept; nil when none is owned.
    var oldestSweep: (shard: Shard, age: Duration)? {
        state.withLock { state in
            guard let oldest = state.sweptAt.min(by: { $0.value < $1.value }) else { return nil }
            return (oldest.key, ContinuousClock.now - oldest.value)
        }
    }

    /// The shards whose ownership Redis could not be asked for, though it answered for others.
    var unowned: Set<Shard> { state.withLock(\.unowned) }

    func cannotOwn(_ shards: Set<Shard>) { state.withLock { $0.unowned = shards } }

    /// How overdue the most overdue user was at the last sweep.
    var lagMs: Int { state.withLock(\.lagMs) }
}
