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
    private var isCanaryHeard = false
    /// Nil before the first.
    private var wasCanaryHeard: Bool?
    private let areHeardNow = Atomic(false)

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

    /// Whether the last canary was heard.
    nonisolated var areHeard: Bool { areHeardNow.load(ordering: .relaxed) }

    /// Runs until cancelled.
    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.checkLoop() }
            for await hint in store.hints(of: owned.shards) {
                if hint == .canary { isCanaryHeard = true } else { onHint(hint) }
            }
            group.cancelAll()
        }
    }

    private func checkLoop() async {
        while !Task.isCancelled {
            do {
                try await switchOn()
                try await sendCanary()
            } catch {
                logger.debug("Cannot check notifications", metadata: .keyed([.error: "\(error)"]))
            }
            try? await Task.sleep(for: .milliseconds(paces.checkMs))
        }
    }

    private func switchOn() async throws {
        guard let refusal = try await store.switchNotificationsOn(), !isForbidden else { return }
        isForbidden = true
        logger.info(
            "Whether keyspace notifications are on is left to Redis: those set by hand work, and all works without",
            metadata: .keyed([.notifyKeyspaceEvents: "\(PresenceStore.notificationFlags)", .error: "\(refusal)"]))
    }

    private func sendCanary() async throws {
        isCanaryHeard = false
        try await store.releaseCanary()
        for _ in 0..<(paces.canaryWaitMs / 20) where !isCanaryHeard {
            try await Task.sleep(for: .milliseconds(20))
            try await store.lookForCanary()
        }
        if wasCanaryHeard != isCanaryHeard {
            logger.info("Checked notifications", metadata: .keyed([.notificationsOK: "\(isCanaryHeard)"]))
        }
        wasCanaryHeard = isCanaryHeard
        areHeardNow.store(isCanaryHeard, ordering: .relaxed)
    }
}
