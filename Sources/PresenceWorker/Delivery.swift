import DequeModule
import Logging
import PresenceCore
import PresenceStore

/// Tells a receiver about a change, once. Never throws: what went wrong is an outcome.
package typealias Deliver = @Sendable (StatusChange) async -> DeliveryOutcome

/// Delivers the outboxes of the owned shards. Every decision is a `DeliveryWindow`'s; this actor performs it.
actor Delivery {
    private struct Job {
        let shard: Shard
        /// The serial number of its window.
        let window: Int
        let position: String
        let change: StatusChange
    }

    private let store: PresenceStore
    private let owned: OwnedShards
    private let deliver: Deliver?
    private let inFlightMax: Int
    private let logger: Logger
    nonisolated let signal = WakeSignal()
    private let jobs: AsyncStream<Job>
    private let jobsContinuation: AsyncStream<Job>.Continuation

    private var windows: [Shard: DeliveryWindow] = [:]
    private var windowsOpened = 0
    /// Shards whose dead letters are full.
    private var crowded: Set<Shard> = []
    /// Started events waiting for a place in flight; bounded by the windows.
    private var ready: Deque<Job> = []
    private var inFlight: [Shard: Int] = [:]
    /// Shards to be given up: nothing new is started there.
    private var leaving: Set<Shard> = []
    private var acknowledging: Set<Shard> = []
    private var isStopping = false
    private var receiver = ReceiverHealth()
    private var reading: FailureLog
    private var acknowledgements: FailureLog

    /// - Parameter deliver: nil if nobody is to be told; then events are acknowledged as they come.
    init(store: PresenceStore, owned: OwnedShards, deliver: Deliver?, inFlightMax: Int, logger: Logger) {
        self.store = store
        self.owned = owned
        self.deliver = deliver
        self.inFlightMax = inFlightMax
        self.logger = logger
        reading = FailureLog("Cannot read the outbox; trying again", logger)
        acknowledgements = FailureLog("Cannot acknowledge; trying again", logger)
        (jobs, jobsContinuation) = AsyncStream.makeStream()
    }

    /// Runs until `stop()`; then lets the attempts in flight end.
    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.readLoop() }
            for await job in jobs {
                group.addTask { await self.attempt(job) }
            }
            group.cancelAll()
        }
    }

    /// Starts nothing new. `run` returns when the attempts in flight have ended, each within the callback timeout.
    func stop() {
        isStopping = true
        ready = []
        signal.finish()
        if inFlight.isEmpty { jobsContinuation.finish() }
    }

    /// Starts nothing new in these shards.
    /// - Returns: those without an attempt in flight, which can be given up without a repeat by the next owner.
    func leave(_ shards: Set<Shard>) -> Set<Shard> {
        // What was left out while a shard was to be given up is read again if it stays after all.
        for shard in leaving.subtracting(shards) { windows[shard] = nil }
        leaving = shards
        return shards.filter { inFlight[$0] == nil }
    }

    func heard(_ ends: [Shard: StreamEnds]) {
        signal.wake(ends.filter { windows[$0.key].map { $0.lastPosition } != $0.value.events }.keys)
    }

    nonisolated func setWaiting(if verdict: RulesWatch.Verdict) {}

    private func readLoop() async {
        while let woken = await signal.next() {
            await read(woken)
        }
    }

    /// Reads the new events of these shards and starts what may start.
    private func read(_ shards: Set<Shard>) async {
        do {
            let fences = owned.fences
            windows = windows.filter { fences[$0.key] == $0.value.fence }
            try await open(shards.filter { windows[$0] == nil }, fences)
            var behind = shards
            while !behind.isEmpty, !isStopping {
                for shard in behind { await acknowledge(shard) }
                let positions = windows.filter { behind.contains($0.key) && $0.value.room > 0 }
                let events = try await store.events(
                    after: positions.mapValues(\.lastPosition), limit: WorkerLimits.windowUsersMax)
                behind = take(events.answers)
                reading.failed(events.failures)
            }
        } catch {
            reading.failed(error)
        }
    }

    private func open(_ shards: Set<Shard>, _ fences: [Shard: Fence]) async throws {
        let cursors = try await store.cursors(shards.filter { fences[$0] != nil })
        for (shard, cursor) in cursors.answers {
            guard let fence = fences[shard] else { continue }
            windowsOpened += 1
            windows[shard] = DeliveryWindow(fence: fence, serial: windowsOpened, cursor: cursor)
        }
        reading.failed(cursors.failures)
    }

    /// - Returns: the shards that may have more to read at once.
    private func take(_ events: [Shard: [OutboxEntry]]) -> Set<Shard> {
        var behind: Set<Shard> = []
        for (shard, entries) in events {
            guard let room = windows[shard]?.room, room > 0, !entries.isEmpty else { continue }
            windows[shard]?.append(Array(entries.prefix(room)))
            if deliver == nil { windows[shard]?.settleAll() }
            if entries.count >= WorkerLimits.windowUsersMax || deliver == nil { behind.insert(shard) }
            start(shard)
        }
        return behind
    }

    private func start(_ shard: Shard) {
        guard let window = windows[shard]?.serial, let entries = windows[shard]?.start() else { return }
        for entry in entries {
            guard let change = entry.change else { continue }
            ready.append(Job(shard: shard, window: window, position: entry.position, change: change))
        }
        fillFlight()
    }

    private func fillFlight() {
        guard !isStopping else { return }
        var free = inFlightMax - inFlight.values.reduce(0, +)
        while free > 0, let job = ready.popFirst() {
            guard windows[job.shard]?.serial == job.window, !leaving.contains(job.shard) else { continue }
            inFlight[job.shard, default: 0] += 1
            free -= 1
            jobsContinuation.yield(job)
        }
    }

    private func landed(_ shard: Shard) {
        let left = inFlight[shard, default: 1] - 1
        inFlight[shard] = left == 0 ? nil : left
        if isStopping, inFlight.isEmpty { jobsContinuation.finish() }
    }

    private func attempt(_ job: Job) async {
        guard let deliver else { return }
        let outcome = await deliver(job.change)
        let next = finished(job, outcome)
        if case .retry(let attempt, let leastMs) = next {
            let delay = RetryDelay.milliseconds(afterAttempt: attempt, leastMs: leastMs)
            guard (try? await Task.sleep(for: .milliseconds(delay))) != nil else { return }
            again(job)
        } else if next == .settled {
            await acknowledge(job.shard)
        }
    }

    private func finished(_ job: Job, _ outcome: DeliveryOutcome) -> DeliveryWindow.Next? {
        landed(job.shard)
        defer { fillFlight() }
        guard windows[job.shard]?.serial == job.window else { return nil }
        let next = update(job.shard) { $0.finished(job.position, outcome) } ?? nil
        report(outcome, of: job, next)
        start(job.shard)
        return next
    }

    /// Changes a shard's window. One that was short of room is filled up once half of it is free again.
    private func update<Result>(_ shard: Shard, _ change: (inout DeliveryWindow) -> Result) -> Result? {
        guard var window = windows[shard] else { return nil }
        let half = WorkerLimits.windowUsersMax / 2
        let wasShort = window.room < half
        defer {
            windows[shard] = window
            if wasShort, window.room >= half { signal.wake([shard]) }
        }
        return change(&window)
    }

    private func again(_ job: Job) {
        guard windows[job.shard]?.serial == job.window else { return }
        ready.append(job)
        fillFlight()
    }

    /// Moves the shard's cursor over what is done. One call per shard at a time; what is done meanwhile goes
    /// with the next.
    private func acknowledge(_ shard: Shard) async {
        guard acknowledging.insert(shard).inserted else { return }
        defer { acknowledging.remove(shard) }
        while let window = windows[shard], let front = window.acknowledgeable {
            do {
                let answer = try await store.acknowledge(
                    shard, fence: window.fence, upTo: front.upTo, refused: front.refused,
                    counted: (window.cursor, front.count))
                guard windows[shard]?.serial == window.serial else { return }
                switch answer {
                case .acknowledged:
                    update(shard) { $0.acknowledged(count: front.count) }
                    crowded.remove(shard)
                case .lost:
                    windows[shard] = nil
                    owned.lost([shard: window.fence])
                case .crowded:
                    guard crowded.insert(shard).inserted else { return }
                    logger.error(
                        "The dead letters of a shard are full; its delivery waits until `presence replay` or a deletion makes room",
                        metadata: ["shard": "\(shard)"])
                    return
                }
            } catch {
                acknowledgements.failed(error, of: shard)
                return
            }
        }
    }

    private func report(_ outcome: DeliveryOutcome, of job: Job, _ next: DeliveryWindow.Next?) {
        switch receiver.heard(outcome, of: job.change.id) {
        case .fails(let detail):
            logger.warning(
                "The callback receiver fails; events wait and are sent again", metadata: ["detail": "\(detail)"])
        case .isBack: logger.notice("The callback receiver is back")
        case nil: break
        }
        switch (outcome, next) {
        case (.refused(let detail), .settled):
            logger.warning(
                "The callback receiver refuses an event; it is among the dead letters",
                metadata: ["id": "\(job.change.id)", "shard": "\(job.shard)", "detail": "\(detail)"])
        case (.retry(_, let detail), .retry(WorkerLimits.attemptsUnnamedMax, _)) where !receiver.isFailing:
            logger.warning(
                "An event fails again and again; its user's later ones wait",
                metadata: ["id": "\(job.change.id)", "detail": "\(detail)"])
        default: break
        }
    }
}
