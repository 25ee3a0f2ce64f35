import Logging
import Logs
import PresenceStore
import Synchronization

/// Listens to the keyspace notifications of the owned shards and turns them into wake-ups. They are hints: everything
/// works without them, only later within its bounds.
actor Notifications {
    private let store: PresenceStore
    private let owned: OwnedShards
    private let paces: WorkerPaces
    private let logger: Logger
    private let onHint: @Sendable (Hint) -> Void
    private var isForbidden = false
    private var heard = HeardShards()
    private let hearing = AsyncStream<HeardShards>.makeStream(bufferingPolicy: .bufferingNewest(1))
    /// Shards whose canary was heard since the check began.
    private var canariesHeard: Set<Shard> = []
    /// Whether the canary of each master was heard at the last check.
    private(set) var heardOf: [String: Bool] = [:]
    /// Nil before the first check.
    private var wereHeard: Bool?
    private let areHeardNow = Atomic(false)
    private let checks = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))

    init(
        store: PresenceStore, owned: OwnedShards, paces: WorkerPaces, logger: Logger,
        onHint: @escaping @Sendable (Hint) -> Void
    ) {
        self.store = store
        self.owned = owned
        self.paces = paces
        self.logger = logger
        self.onHint = onHint
    }

    /// Whether the last canary of every master was heard, and all of them are still listened to.
    nonisolated var areHeard: Bool { areHeardNow.load(ordering: .relaxed) }

    /// Runs until cancelled.
    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.checkLoop() }
            group.addTask {
                while !Task.isCancelled {
                    self.checks.continuation.yield()
                    try? await Task.sleep(for: .milliseconds(self.paces.checkMs))
                }
            }
            group.addTask {
                for await shards in self.owned.shards { await self.hear { $0.owned = shards } }
            }
            for await hint in store.hints(of: hearing.stream) {
                switch hint {
                case .canary(let shard): canariesHeard.insert(shard)
                case .subscribed: checks.continuation.yield()
                case .lost: tell(areHeard: false)
                case .due, .changes: onHint(hint)
                }
            }
            group.cancelAll()
        }
    }

    private func checkLoop() async {
        for await _ in checks.stream {
            // A master that cannot be asked for its settings is no reason to send no canary.
            do { try await switchOn() } catch { cannotCheck(error) }
            await sendCanaries()
        }
    }

    private func cannotCheck(_ error: any Error) {
        logger.debug("Cannot check notifications", metadata: .keyed([.error: "\(error)"]))
    }

    private func hear(_ change: (inout HeardShards) -> Void) {
        change(&heard)
        hearing.continuation.yield(heard)
    }

    private func switchOn() async throws {
        guard let refusal = try await store.switchNotificationsOn(), !isForbidden else { return }
        isForbidden = true
        logger.info(
            "Whether keyspace notifications are on is left to Redis: those set by hand work, and all works without",
            metadata: .keyed([.notifyKeyspaceEvents: "\(PresenceStore.notificationFlags)", .error: "\(refusal)"]))
    }

    /// One to each master.
    private func sendCanaries() async {
        let canaries = store.shardOfEachMaster
        hear { $0.canaries = canaries }
        canariesHeard = []
        let end = ContinuousClock.now + .milliseconds(paces.canaryWaitMs)
        while !canariesHeard.isSuperset(of: canaries), ContinuousClock.now < end, !Task.isCancelled {
            await store.releaseCanaries(in: canaries.subtracting(canariesHeard))
            try? await Task.sleep(for: .milliseconds(20))
        }
        heardOf = canaries.reduce(into: [:]) { heard, shard in
            if let master = store.master(of: shard) { heard["\(master)"] = canariesHeard.contains(shard) }
        }
        tell(areHeard: canariesHeard.isSuperset(of: canaries))
    }

    private func tell(areHeard: Bool) {
        if wereHeard != areHeard {
            logger.info("Checked notifications", metadata: .keyed([.notificationsOK: "\(areHeard)"]))
        }
        wereHeard = areHeard
        areHeardNow.store(areHeard, ordering: .relaxed)
    }
}
