import PresenceStore
import Synchronization

/// Asks a loop to look at shards. Wakes that come while it works are merged into one.
///
/// The shards of each home are worked on by themselves: a server that answers late, or not at all, holds up the work on
/// its own shards only.
final class WakeSignal: Sendable {
    private struct State {
        var woken: Set<Shard> = []
        var atWork: [ShardHome: Set<Shard>] = [:]
    }

    private let state = Mutex(State())
    private let stream: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    init() {
        (stream, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    func wake(_ more: some Sequence<Shard>) {
        state.withLock { $0.woken.formUnion(more) }
        continuation.yield()
    }

    /// Ends the loop of `work`.
    func finish() { continuation.finish() }

    /// The loop: makes rounds with the shards woken, until finished or cancelled, and lets those under way end. While a
    /// home has a round under way what is woken of it waits for its next one; no shard is in two rounds at a time, also
    /// when it moves.
    func work(
        by homes: (Set<Shard>) -> [ShardHome: Set<Shard>], _ round: @escaping @Sendable (Set<Shard>) async -> Void
    ) async {
        await withDiscardingTaskGroup { group in
            for await _ in stream {
                for (home, shards) in next(by: homes) {
                    group.addTask {
                        await round(shards)
                        self.ended(home)
                    }
                }
            }
        }
    }

    private func next(by homes: (Set<Shard>) -> [ShardHome: Set<Shard>]) -> [ShardHome: Set<Shard>] {
        state.withLock { state in
            let atWork = state.atWork.values.reduce(into: Set()) { $0.formUnion($1) }
            let rounds = homes(state.woken.subtracting(atWork)).filter { state.atWork[$0.key] == nil }
            state.atWork.merge(rounds) { $1 }
            for shards in rounds.values { state.woken.subtract(shards) }
            return rounds
        }
    }

    private func ended(_ home: ShardHome) {
        let isMore = state.withLock { state in
            state.atWork[home] = nil
            return !state.woken.isEmpty
        }
        if isMore { continuation.yield() }
    }
}
