// PresenceWorker: the background work of the shards a worker owns.
//
// Promises: a shard's sweep and delivery are done by one worker at a time, and by another within 12 s when that
// one dies; every dead session is settled and every event delivered, with notifications or without; a round of work is
// bounded, so that none of it looks like an outage to another part of it.
// Does not: decide a transition. That is Lua's: two workers that both believe they own a shard do no harm.

import Logging
import Logs
import PresenceCore
import PresenceStore
import ServiceLifecycle
import Telemetry

/// Ownership, sweeping, notifications and delivery, run together. On graceful shutdown the worker unregisters, the
/// attempts in flight end while it still sweeps, then the shards are released.
package struct BackgroundWork: Service, CustomStringConvertible {
    let store: PresenceStore
    let owned: OwnedShards
    let delivery: Delivery
    let notifications: Notifications
    private let paces: WorkerPaces
    private let logger: Logger
    private let sweeper: Sweeper
    private let members: Members
    private let upkeep: Upkeep

    /// - Parameters:
    ///   - deliver: tells the receiver about a change; nil if there is none.
    ///   - clock: told Redis time with every sweep.
    package init(
        store: PresenceStore, options: WorkerOptions, deliver: Deliver?, clock: RedisClock = RedisClock(),
        instruments: Instruments = .none, logger: Logger
    ) {
        let figures = WorkerFigures(instruments)
        self.store = store
        self.logger = logger
        paces = options.paces
        let owned = OwnedShards(worker: store.saying.worker, shards: store.keys.shards)
        let delivery = Delivery(
            store: store, owned: owned, deliver: deliver, inFlightMax: options.callbacksInFlightMax,
            paces: options.delivery, figures: figures, logger: logger)
        let sweeper = Sweeper(
            store: store, owned: owned, paces: paces, clock: clock, figures: figures, logger: logger
        ) { tails in
            await delivery.heard(tails)
        }
        self.owned = owned
        self.sweeper = sweeper
        self.delivery = delivery
        notifications = Notifications(store: store, owned: owned, paces: paces, logger: logger) { hint in
            switch hint {
            case .due(let shard):
                figures.due.heard(shard)
                sweeper.signal.wake([shard])
            case .changes(let shard):
                figures.changes.heard(shard)
                delivery.signal.wake([shard])
            case .canary, .subscribed, .lost: break
            }
        }
        members = Members(
            store: store, owned: owned, delivery: delivery, paces: paces, clock: clock, figures: figures, logger: logger
        ) { gained in
            sweeper.signal.wake(gained)
            delivery.signal.wake(gained)
        }
        upkeep = Upkeep(store: store, owned: owned, paces: paces, logger: logger)
        watch(instruments)
    }

    /// The group logs its services.
    package var description: String { "background work" }

    /// - Throws: `StoreError` with the code `layout` if this worker cannot work on this Redis any more.
    package func run() async throws {
        let membership = Task { try await members.run() }
        let leaving = Task {
            if case .success = await membership.result { await unregister() }
            await delivery.stop()
        }
        let loops = Task {
            await withDiscardingTaskGroup { group in
                group.addTask { await sweeper.run() }
                group.addTask { await notifications.run() }
                group.addTask { await tick() }
                group.addTask { await upkeep.run() }
            }
        }
        await withTaskCancellationOrGracefulShutdownHandler {
            await delivery.run()
        } onCancelOrGracefulShutdown: {
            members.stop()
            membership.cancel()
        }
        await leaving.value
        await release()
        loops.cancel()
        sweeper.signal.finish()
        await loops.value
        try await membership.value
    }

    /// How this worker stands among the others.
    package var status: WorkerStatus { members.current }

    /// Whether Redis answered the background work of late, which asks it every second.
    package var isAnswered: Bool {
        members.current.answeredAt.map { ContinuousClock.now - $0 < .milliseconds(paces.answerAgeMsMax) } ?? false
    }

    /// How overdue the most overdue session of the shards of this worker is, in milliseconds.
    package var lagMs: Int { owned.lagMs }

    /// What keeps this worker from sweeping shards of its share, as sentences.
    package var troubles: [String] {
        owned.troubles.map { "\($0.shards) shards of this worker cannot be swept: \($0.message)" }
    }

    /// Whether keyspace notifications of each master came through at the last check.
    package var notificationsHeard: [String: Bool] { get async { await notifications.heardOf } }

    /// Why the Redis user cannot do all that is needed (any more), as a sentence; nil if it can.
    package var complaint: String? { upkeep.complaint }

    private func tick() async {
        while !Task.isCancelled {
            sweeper.signal.wake(owned.fences.keys)
            let pace = notifications.areHeard ? paces.sweepRoundMs : paces.sweepRoundUntoldMs
            try? await Task.sleep(for: .milliseconds(pace))
        }
    }

    private func unregister() async {
        do { try await store.unregister() } catch {
            logger.warning(
                "Could not unregister; others find out within seconds", metadata: .keyed([.error: "\(error)"]))
        }
    }

    private func release() async {
        let fences = owned.fences
        owned.lost(fences)
        let failures = await store.release(fences).failures
        if let error = failures.values.first {
            logger.warning(
                "Could not release the shards; others take them over",
                metadata: .keyed([.error: "\(error)", .count: "\(failures.count)"]))
        }
    }
}
