// PresenceWorker: the background work of the shards a worker owns.
//
// Promises: a shard's sweep and delivery are done by one worker at a time, and by another within 12 s when that
// one dies; every dead session is settled and every event delivered, with notifications or without.
// Does not: decide a transition. That is Lua's: two workers that both believe they own a shard do no harm.

import Logging
import PresenceCore
import PresenceStore
import ServiceLifecycle

/// Ownership, sweeping, notifications and delivery, run together. On graceful shutdown the attempts in flight end,
/// then the shards are released.
package struct BackgroundWork: Service {
    private let store: PresenceStore
    private let logger: Logger
    private let owned = OwnedShards()
    private let sweeper: Sweeper
    private let delivery: Delivery
    private let notifications: Notifications

    /// - Parameters:
    ///   - database: the number of the Redis database, part of the notification channels' names.
    ///   - deliver: tells the receiver about a change; nil if there is none.
    package init(
        store: PresenceStore, database: Int, options: WorkerOptions, deliver: Deliver?, logger: Logger
    ) {
        self.store = store
        self.logger = logger
        let sweeper = Sweeper(store: store, owned: owned, logger: logger)
        let delivery = Delivery(
            store: store, owned: owned, deliver: deliver, inFlightMax: options.callbacksInFlightMax,
            paces: options.delivery, logger: logger)
        self.sweeper = sweeper
        self.delivery = delivery
        notifications = Notifications(store: store, database: database, logger: logger) { [owned] wakeUp in
            switch wakeUp {
            case .sweep(let shard): if owned.fences[shard] != nil { sweeper.signal.wake([shard]) }
            case .delivery(let shard): if owned.fences[shard] != nil { delivery.signal.wake([shard]) }
            }
        }
    }

    package func run() async throws {
        let loops = Task {
            await withDiscardingTaskGroup { group in
                group.addTask { await ownershipLoop() }
                group.addTask { await sweeper.run() }
                group.addTask { await notifications.run() }
                group.addTask { await tick(WorkerLimits.sweepRoundMs, sweeper.signal) }
                group.addTask { await hearTails() }
            }
        }
        await withTaskCancellationOrGracefulShutdownHandler {
            await delivery.run()
        } onCancelOrGracefulShutdown: {
            loops.cancel()
            sweeper.signal.finish()
            Task { await delivery.stop() }
        }
        await loops.value
        await leave()
    }

    /// Why this worker's background work is late; empty if it is not.
    package func reasonsUnready() -> [String] {
        var reasons = owned.unowned.sorted().map { "shard \($0) cannot be taken over; the log has the reason" }
        guard let oldest = owned.oldestSweep else { return reasons }
        if oldest.age > .milliseconds(WorkerLimits.sweepLateMs) {
            reasons.append("shard \(oldest.shard) was last swept \(oldest.age.components.seconds) s ago")
        }
        if owned.lagMs > WorkerLimits.sweepLateMs {
            reasons.append("settling of lost sessions lags by \(owned.lagMs) ms")
        }
        return reasons
    }

    private func tick(_ milliseconds: Int, _ signal: WakeSignal) async {
        while !Task.isCancelled {
            signal.wake(owned.fences.keys)
            try? await Task.sleep(for: .milliseconds(milliseconds))
        }
    }

    private func hearTails() async {
        while !Task.isCancelled {
            if let tails = try? await store.tails(Array(owned.fences.keys)) { await delivery.heard(tails.answers) }
            try? await Task.sleep(for: .milliseconds(WorkerLimits.outboxRoundMs))
        }
    }

    private func ownershipLoop() async {
        var log = FailureLog("Cannot renew ownership; trying again", logger)
        while !Task.isCancelled {
            do {
                try await claim(&log)
            } catch {
                log.failed(error)
            }
            try? await Task.sleep(for: .milliseconds(WorkerLimits.ownershipRoundMs))
        }
    }

    /// One round: say we live, keep our fair share of the shards, give up the others once their attempts have ended.
    private func claim(_ log: inout FailureLog) async throws {
        let live = try await store.register(silenceMs: WorkerLimits.workerSilenceMs)
        let wanted = RendezvousHash.shards(
            of: store.options.worker, among: live, shards: store.keys.shards)
        let before = owned.fences
        let unwanted = Set(before.keys).subtracting(wanted)
        let leaving = await delivery.leave(unwanted)
        let kept = wanted.union(unwanted).subtracting(leaving)
        let answers = try await store.own(kept.sorted(), leaseMs: WorkerLimits.ownershipLeaseMs)
        let fences = answers.answers
        let given = owned.replace(with: fences).filter { leaving.contains($0.key) }
        if !given.isEmpty { try await store.release(given) }
        let gained = fences.filter { before[$0.key] != $0.value }.keys
        if !gained.isEmpty {
            logger.debug("Took over shards", metadata: ["count": "\(gained.count)", "owned": "\(fences.count)"])
            sweeper.signal.wake(gained)
            delivery.signal.wake(gained)
        }
        log.failed(answers.failures)
        owned.cannotOwn(Set(answers.failures.keys))
    }

    private func leave() async {
        do {
            try await store.release(owned.replace(with: [:]))
            try await store.unregister()
        } catch {
            logger.warning("Could not release the shards; others take them over", metadata: ["error": "\(error)"])
        }
    }
}
