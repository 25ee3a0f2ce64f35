import Logging
import Logs
import PresenceCore
import PresenceStore
import Synchronization
import Telemetry

/// Keeps the owned shards and settles sessions whose timers have ended, in rounds.
struct Sweeper: Sendable {
    let store: PresenceStore
    let owned: OwnedShards
    let paces: WorkerPaces
    let clock: RedisClock
    let figures: WorkerFigures
    let logger: Logger
    /// Told where the streams of the shards end, whenever they are swept.
    let onStreams: @Sendable ([Shard: StreamTails]) async -> Void
    let signal = WakeSignal()

    /// Runs until the signal is finished or the task cancelled. A shard woken meanwhile joins the next round.
    func run() async {
        let log = SweepLog(logger)
        await signal.work(by: store.byHome) { woken in
            let (behind, failures) = await self.sweep(woken)
            if !behind.isEmpty { self.signal.wake(behind) }
            log.tell(failures, lagMs: self.owned.lagMs)
            try? await Task.sleep(for: .milliseconds(self.paces.sweepPauseMs))
        }
    }

    /// - Returns: the shards that have more due users, and those that could not be asked.
    private func sweep(_ shards: Set<Shard>) async -> (behind: Set<Shard>, failures: [Shard: StoreError]) {
        let fences = owned.fences
        let shared = SharedRound(SweepRound(shards.filter { fences[$0] != nil }.sorted()))
        await withDiscardingTaskGroup { group in
            for _ in 0..<WorkerLimits.sweepLanes {
                group.addTask {
                    while !Task.isCancelled, let visit = shared.next() {
                        shared.visited(visit, await self.visit(visit, fences))
                    }
                }
            }
        }
        return shared.outcome
    }

    fileprivate struct Visited {
        /// How many users were due in each shard.
        var due: [Shard: Int] = [:]
        var failures: [Shard: StoreError] = [:]
    }

    private func visit(_ visit: SweepRound.Visit, _ fences: [Shard: Fence]) async -> Visited {
        let asked = ContinuousClock.now
        let visited = fences.filter { visit.shards.contains($0.key) }
        let answers = await store.tend(
            visited, leaseMs: paces.leaseMs, renewAtMs: paces.leaseRenewAtMs, usersMax: visit.usersMax)
        var due: [UserID] = []
        var dueAtMs: [UserID: Int] = [:]
        var outcome = Visited(failures: answers.failures)
        var ends: [Shard: StreamTails] = [:]
        owned.untended(answers.failures)
        for (shard, answer) in answers.answers {
            guard let fence = visited[shard] else { continue }
            switch answer {
            case .lost: owned.lost([shard: fence])
            case .tended(let tended):
                clock.saw(redisMs: tended.nowMs)
                owned.tended(shard, fence, tended, asked: asked)
                ends[shard] = tended.streams
                outcome.due[shard] = tended.due.count
                due += tended.due
                dueAtMs.merge(tended.dueAtMs) { $1 }
                figures.due.followed(shard, isWork: !tended.due.isEmpty)
                if tended.graceBegins { figures.graces.count() }
                if !tended.strangers.isEmpty {
                    do { try await store.forget(tended.strangers, of: shard) } catch { outcome.failures[shard] = error }
                }
            }
        }
        await onStreams(ends)
        for start in stride(from: 0, to: due.count, by: WorkerLimits.settleUsersMax) {
            let answer = await settle(
                Array(due[start..<min(start + WorkerLimits.settleUsersMax, due.count)]), dueAtMs)
            outcome.failures.merge(answer.failures) { $1 }
        }
        return outcome
    }

    private func settle(_ users: [UserID], _ dueAtMs: [UserID: Int]) async -> SettleAnswer {
        let answer = await store.settle(users, dueAtMs: dueAtMs)
        if answer.settled > 0 { logger.debug("Settled sessions", metadata: .keyed([.count: "\(answer.settled)"])) }
        for user in answer.unreadable {
            logger.error(
                "A user's record is not one this service wrote; correct or delete it",
                metadata: .keyed([.redisKey: "\(store.keys.user(user))"]))
        }
        return answer
    }
}

/// What several rounds tell the log.
private final class SweepLog: Sendable {
    private struct State {
        var failures: FailureLog
        var lagToldAt: ContinuousClock.Instant?
    }

    private let logger: Logger
    private let state: Mutex<State>

    init(_ logger: Logger) {
        self.logger = logger
        state = Mutex(State(failures: FailureLog("Cannot sweep; trying again", logger)))
    }

    /// The lag at most once a minute.
    func tell(_ failures: [Shard: StoreError], lagMs: Int) {
        state.withLock { state in
            state.failures.failed(failures)
            guard lagMs > WorkerLimits.lagToldMs, state.lagToldAt.map({ .now - $0 > .seconds(60) }) ?? true else {
                return
            }
            state.lagToldAt = .now
            logger.warning(
                "Sessions are settled late: more end than can be settled at once, or nobody swept for a while",
                metadata: .keyed([.lagMs: "\(lagMs)"]))
        }
    }
}

/// A round several tasks work on.
private final class SharedRound: Sendable {
    private struct State {
        var round: SweepRound
        var failures: [Shard: StoreError] = [:]
    }

    private let state: Mutex<State>

    init(_ round: SweepRound) { state = Mutex(State(round: round)) }

    func next() -> SweepRound.Visit? { state.withLock { $0.round.next() } }

    func visited(_ visit: SweepRound.Visit, _ visited: Sweeper.Visited) {
        state.withLock { state in
            state.round.visited(visit, due: visited.due)
            state.failures.merge(visited.failures) { $1 }
        }
    }

    /// The shards that have more due users, and those that could not be asked.
    var outcome: (behind: Set<Shard>, failures: [Shard: StoreError]) {
        state.withLock { ($0.round.behind, $0.failures) }
    }
}
