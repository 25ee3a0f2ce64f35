import Logging
import PresenceStore
import RedisClient

/// Listens to keyspace notifications and turns them into wake-ups. They are hints: Redis sends them late under
/// load, not at all after a restart or where they are forbidden, and everybody may forge them. Everything works
/// without them, only later within its bounds.
actor Notifications {
    /// Expired keys (x) and stream appends (t), told per event (E).
    private static let flags = "Ext"

    private let store: PresenceStore
    private let database: Int
    private let logger: Logger
    private let onWake: @Sendable (WakeUp) -> Void
    private var isForbidden = false
    private var canaryHeard = false
    /// Nil before the first.
    private var lastCanaryWasHeard: Bool?

    init(store: PresenceStore, database: Int, logger: Logger, onWake: @escaping @Sendable (WakeUp) -> Void) {
        self.store = store
        self.database = database
        self.logger = logger
        self.onWake = onWake
    }

    /// Runs until cancelled.
    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.checkLoop() }
            for await event in store.redis.subscribe(to: channels) { hear(event) }
            group.cancelAll()
        }
    }

    private var channels: [String] { ["expired", "xadd"].map { "__keyevent@\(database)__:\($0)" } }

    private func hear(_ event: RedisSubscriptionEvent) {
        guard case .message(_, let key) = event else { return }
        if let wakeUp = store.keys.wakeUp(forKey: key) {
            onWake(wakeUp)
        } else if key == canary {
            canaryHeard = true
        }
    }

    private var canary: String { store.keys.canary(store.options.worker) }

    private func checkLoop() async {
        while !Task.isCancelled {
            do {
                try await switchOn()
                try await sendCanary()
            } catch {
                logger.debug("Cannot check notifications", metadata: ["error": "\(error)"])
            }
            try? await Task.sleep(for: .milliseconds(WorkerLimits.notificationCheckMs))
        }
    }

    /// Adds our flags to those already set, where CONFIG is allowed.
    private func switchOn() async throws {
        do {
            let settings = try await store.redis.sendToEveryMaster(
                RedisCommand(keyless: "CONFIG", "GET", "notify-keyspace-events"))
            let present = settings.compactMap { $0.array?.last?.string }
            guard !present.allSatisfy(Self.tells) else { return }
            let union = Set((present.joined() + Self.flags)).sorted()
            _ = try await store.redis.sendToEveryMaster(
                RedisCommand(keyless: "CONFIG", "SET", "notify-keyspace-events", String(union)))
        } catch {
            guard error.code == .rejected(.noPermission) || error.code == .rejected(.other) else { throw error }
            if !isForbidden {
                logger.notice(
                    "Redis does not let us switch notifications on; going on without. To have them, set notify-keyspace-events to Ext",
                    metadata: ["answer": "\(error)"])
            }
            isForbidden = true
        }
    }

    /// Whether a server with these flags tells what we listen to; `A` stands for all kinds.
    static func tells(_ flags: String) -> Bool {
        flags.contains("E") && (flags.contains("A") || (flags.contains("x") && flags.contains("t")))
    }

    /// Lets a key expire and looks at it, which makes Redis notice at once, however many other keys there are.
    private func sendCanary() async throws {
        canaryHeard = false
        _ = try await store.redis.send(RedisCommand("SET", key: canary, "1", "PX", "1"))
        for _ in 0..<(WorkerLimits.canaryWaitMs / 20) where !canaryHeard {
            try await Task.sleep(for: .milliseconds(20))
            _ = try await store.redis.send(RedisCommand("GET", key: canary))
        }
        if lastCanaryWasHeard != canaryHeard {
            logger.info("Checked notifications", metadata: ["notifications_ok": "\(canaryHeard)"])
        }
        lastCanaryWasHeard = canaryHeard
    }
}
