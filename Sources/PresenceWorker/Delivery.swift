import Logging
import Logs
import PresenceCore
import PresenceStore
import Telemetry

/// Tells a receiver about a change, once. Never throws: what went wrong is an outcome.
package typealias Deliver = @Sendable (StatusChange) async -> DeliveryOutcome

/// Delivers the outboxes of the owned shards. Every decision is `DeliveryState`'s; this actor performs it: as many
/// runners as attempts may be in flight, each told in one hop how its attempt ended and what to do next; one loop that
/// reads, and one that writes back what is done, each many shards and events at a time.
actor Delivery {
    let store: PresenceStore
    let owned: OwnedShards
    let paces: DeliveryPaces
    private let deliver: Deliver?
    private let inFlightMax: Int
    nonisolated let figures: WorkerFigures
    nonisolated let signal = WakeSignal()
    /// Shards with something to write back.
    nonisolated let writing = WakeSignal()

    var state: DeliveryState
    private var idle: [CheckedContinuation<DeliveryAttempt?, Never>] = []
    private(set) var isStopping = false
    /// Shards with events set aside that are not read yet.
    var asideBehind: Set<Shard> = []
    /// Shards whose next round of writing, or of passing, has a look at cursor and backlog.
    var lookDue: Set<Shard> = []
    /// Shards that could not be written, until they are tried again.
    var resting: [Shard: ContinuousClock.Instant] = [:]
    /// The last event each shard was passed at; where nobody is to be told.
    var passed: [Shard: String] = [:]
    /// Nobody can be told here and somebody is to be: events wait for a worker with a receiver.
    private(set) var isWaiting = false
    var log: DeliveryLog
    var reading: FailureLog
    var acknowledging: FailureLog

    /// - Parameters:
    ///   - deliver: nil if nobody is to be told; then events are passed as they come.
    ///   - inFlightMax: attempts under way at once.
    init(
        store: PresenceStore, owned: OwnedShards, deliver: Deliver?, inFlightMax: Int,
        paces: DeliveryPaces = DeliveryPaces(), figures: WorkerFigures = WorkerFigures(.none), logger: Logger
    ) {
        self.store = store
        self.owned = owned
        self.deliver = deliver
        self.inFlightMax = inFlightMax
        self.paces = paces
        self.figures = figures
        state = DeliveryState(paces: paces, inFlightMax: inFlightMax)
        log = DeliveryLog(logger, pause: paces.logPause)
        reading = FailureLog("Cannot read the outbox; trying again", logger)
        acknowledging = FailureLog("Cannot acknowledge; trying again", logger)
    }

    var hasReceiver: Bool { deliver != nil }

    /// Runs until `stop()`; then lets the attempts in flight end and writes back what became of them.
    func run() async {
        guard let deliver else { return await pass() }
        await withDiscardingTaskGroup { group in
            group.addTask { await self.readLoop() }
            group.addTask { await self.writeLoop() }
            group.addTask { await self.tickLoop() }
            await withDiscardingTaskGroup { runners in
                for _ in 0..<inFlightMax { runners.addTask { await self.runAttempts(deliver) } }
            }
            signal.finish()
            writing.finish()
            group.cancelAll()
        }
        await write(Set(state.shards.keys))
    }

    /// Starts nothing new. `run` returns when the attempts in flight have ended, each within the callback timeout.
    func stop() {
        isStopping = true
        signal.finish()
        for runner in idle { runner.resume(returning: nil) }
        idle = []
    }

    func setWaiting(_ isWaiting: Bool) {
        guard self.isWaiting != isWaiting else { return }
        self.isWaiting = isWaiting
        passed = [:]
    }

    /// Starts nothing new in these shards.
    /// - Returns: those with no attempt in flight and nothing to write back, which can be given up without a repeat by
    ///   the next owner.
    func leave(_ shards: Set<Shard>) -> Set<Shard> {
        // What was left out while a shard was to be given up is read again if it stays after all.
        let staying = state.leaving.subtracting(shards)
        for shard in staying { state.shards[shard] = nil }
        if !staying.isEmpty { signal.wake(staying) }
        state.leaving = shards
        writing.wake(shards.filter { state.unwritten.contains($0) })
        return shards.filter { state.inFlight[$0] == nil && !state.unwritten.contains($0) }
    }

    /// Takes where the streams of owned shards end, so that nothing depends on notifications: wakes what is behind.
    /// To be called for every owned shard every second or so.
    func heard(_ tails: [Shard: StreamTails]) {
        var behind: Set<Shard> = []
        for (shard, tails) in tails {
            guard deliver != nil else {
                if passed[shard] != tails.events { behind.insert(shard) }
                continue
            }
            guard let state = state.shards[shard] else {
                behind.insert(shard)
                continue
            }
            if state.window.last.position != tails.events { behind.insert(shard) }
            if state.aside.lastRead != tails.aside, tails.aside != "0-0" {
                asideBehind.insert(shard)
                behind.insert(shard)
            }
        }
        if !behind.isEmpty { signal.wake(behind) }
    }

    private nonisolated func runAttempts(_ deliver: Deliver) async {
        var attempt = await next()
        while let made = attempt {
            attempt = await next(after: made, make(made, deliver))
        }
    }

    /// Makes one attempt, unless the shard is not owned any more by this worker's clock.
    private nonisolated func make(_ attempt: DeliveryAttempt, _ deliver: Deliver) async -> DeliveryAttemptEnd {
        var change = attempt.change
        if case .aside(let entry) = attempt.source {
            do {
                guard let event = try await store.aside(entry, of: attempt.shard) else { return .gone }
                change = event.change
            } catch {
                return .untried
            }
        }
        guard let change else { return .gone }
        guard owned.holds(attempt.shard, attempt.fence) else { return .notOwned }
        if let sinceMs = attempt.firstAfterMs { figures.firstAttemptDelay.record(milliseconds: sinceMs) }
        return .outcome(await deliver(change))
    }

    private func next(after attempt: DeliveryAttempt, _ end: DeliveryAttemptEnd) async -> DeliveryAttempt? {
        let now = ContinuousClock.now
        let news = state.ended(attempt, end, now)
        if let news { log.tell(news, now) }
        if let failure = end.failure, failure.detail == DeliveryOutcome.noHTTP {
            log.happened(.noHTTP, [.detail: "\(failure.detail)"], now)
        }
        if state.unwritten.contains(attempt.shard) { writing.wake([attempt.shard]) }
        if state.inFlight[attempt.shard] == nil, state.shards[attempt.shard] == nil { signal.wake([attempt.shard]) }
        return await next()
    }

    /// What the runner that asks is to do next; nil if it is to end.
    private func next() async -> DeliveryAttempt? {
        guard !isStopping else { return nil }
        if let attempt = state.next(.now) {
            startIdle()
            return attempt
        }
        return await withCheckedContinuation { idle.append($0) }
    }

    /// Hands what may start to runners that have nothing to do.
    func startIdle() {
        guard !isStopping else { return }
        while !idle.isEmpty, let attempt = state.next(.now) { idle.removeLast().resume(returning: attempt) }
    }

    private func pass() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.lookTicks() }
            await passLoop()
            group.cancelAll()
        }
    }

    private func lookTicks() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: paces.lookPause)
            lookDue = Set(owned.fences.keys)
            signal.wake(lookDue)
        }
    }

    private func tickLoop() async {
        var lookedAt = ContinuousClock.now
        while !isStopping {
            try? await Task.sleep(for: paces.tick)
            guard !Task.isCancelled else { return }
            let now = ContinuousClock.now
            state.tick(now)
            startIdle()
            if !state.unwritten.isEmpty { writing.wake(state.unwritten) }
            log.tick(state.receiver, now)
            guard now - lookedAt >= paces.lookPause else { continue }
            lookedAt = now
            look(at: state.shards.keys)
        }
    }

    /// These shards may hold something damaged: their next round of writing has a look.
    func look(at shards: some Sequence<Shard>) {
        lookDue.formUnion(shards)
        writing.wake(lookDue)
    }
}
