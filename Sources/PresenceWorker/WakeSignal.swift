import PresenceStore
import Synchronization

/// Asks a loop to look at shards. Wakes that come while it works are merged into one.
final class WakeSignal: Sendable {
    private let shards = Mutex<Set<Shard>>([])
    private let stream: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    init() {
        (stream, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    func wake(_ more: some Sequence<Shard>) {
        shards.withLock { $0.formUnion(more) }
        continuation.yield()
    }

    /// Ends the loop of `next`.
    func finish() { continuation.finish() }

    /// For one loop: waits for a wake and hands out all shards woken since the last; nil once finished.
    func next() async -> Set<Shard>? {
        var iterator = stream.makeAsyncIterator()
        guard await iterator.next() != nil else { return nil }
        return shards.withLock { woken in
            defer { woken = [] }
            return woken
        }
    }
}
