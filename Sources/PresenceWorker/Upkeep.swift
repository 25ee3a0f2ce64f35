import Logging
import Logs
import PresenceStore
import Synchronization

/// What is looked after now and then: whether Redis is as it has to be, damaged counts, old events of quiet shards.
final class Upkeep: Sendable {
    private let store: PresenceStore
    private let owned: OwnedShards
    private let paces: WorkerPaces
    private let logger: Logger
    private let forbidden = Mutex<String?>(nil)

    init(store: PresenceStore, owned: OwnedShards, paces: WorkerPaces, logger: Logger) {
        self.store = store
        self.owned = owned
        self.paces = paces
        self.logger = logger
    }

    /// Why the Redis user cannot do all that is needed (any more), as a sentence; nil if it can.
    var complaint: String? { forbidden.withLock(\.self) }

    func run() async {
        var log = FailureLog("Redis is not as it has to be", logger)
        var suspects: Set<Shard> = []
        while (try? await Task.sleep(for: .milliseconds(paces.checkMs))) != nil {
            // None of these holds up another.
            do {
                if let complaint = try await store.complaintAboutServer() { log.failed(complaint) }
            } catch { log.failed(error) }
            do {
                let complaint = try await store.complaintAboutPermissions()
                forbidden.withLock { $0 = complaint?.message }
                if let complaint { log.failed(complaint) }
            } catch { log.failed(error) }
            suspects = await mendCounts(suspects, &log)
            log.failed(await store.trimEvents(of: owned.fences.keys.sorted()).failures)
        }
    }

    /// Counts shards anew whose counts are wrong twice in a row: once may be a change between two looks.
    /// - Returns: those that are wrong now.
    private func mendCounts(_ suspects: Set<Shard>, _ log: inout FailureLog) async -> Set<Shard> {
        var wrong = await store.miscounted(owned.fences.keys.sorted())
        for shard in wrong.intersection(suspects) {
            do {
                guard try await store.recount(shard) else { continue }
                wrong.remove(shard)
                logger.warning(
                    "Live counts were wrong and have been counted anew", metadata: .keyed([.shard: "\(shard)"]))
            } catch {
                log.failed(error, of: [shard])
            }
        }
        return wrong
    }
}
