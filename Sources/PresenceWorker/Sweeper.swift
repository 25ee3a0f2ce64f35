import Logging
import Logs
import PresenceCore
import PresenceStore
import Synchronization

/// Keeps the owned shards and settles sessions whose timers have ended, in rounds.
struct Sweeper: Sendable {
    let store: PresenceStore
    let owned: OwnedShards
    let paces: WorkerPaces
    let clock: RedisClock
    let logger: Logger
    /// Told where the streams of the shards end, whenever they are swept.
    let onStreams: @Sendable ([Shard: StreamTails]) async -> Void
    let signal = WakeSignal()

    /// Runs until the signal is finished or the task cancelled. A shard woken meanwhile joins the next round.
    func run() async {
        var log = FailureLog("Cannot sweep; trying again", logger)
        var lagToldAt: ContinuousClock.Instant?
        while let woken = await signal.next() {
            do {
                let behind = try await sweep(woken, &log)
                if !behind.isEmpty { signal.wake(behind) }
                tellLag(&lagToldAt)
            } catch {
                log.failed(error)
            }
            try? await Task.sleep(for: .milliseconds(paces.sweepPauseMs))
        }
    }

    /// At most once a minute.
    private func tellLag(_ toldAt: inout ContinuousClock.Instant?) {
        guard owned.lagMs > WorkerLimits.lagToldMs, toldAt.map({ .now - $0 > .seconds(60) }) ?? true else { return }
        toldAt = .now
        logger.warning(
            "Sessions are settled late: more end than can be settled at once, or nobody swept for a while",
            metadata: .keyed([.lagMs: "\(owned.lagMs)"]))
    }

    /// - Returns: the shards that have more due users.
    private func sweep(_ shards: Set<Shard>, _ log: inout FailureLog) async throws -> Set<Shard> {
        let fences = owned.fences
        let shared = SharedRound(SweepRound(shards.filter { fences[$0] != nil }.sorted()))
        try await withThrowingDiscardingTaskGroup { group in
            for _ in 0..<WorkerLimits.sweepLanes {
                group.addTask {
                    while !Task.isCancelled, let visit = shared.next() {
                        shared.visited(visit, try await self.visit(visit, fences))
                    }
                }
            }
        }
        let (behind, failures) = shared.outcome
        log.failed(failures)
        return behind
    }

    fileprivate struct Visited {
        /// How many users were due in each shard.
        var due: [Shard: Int] = [:]
        var failures: [Shard: StoreError] = [:]
    }

    private func visit(_ visit: SweepRound.Visit, _ fences: [Shard: Fence]) async throws -> Visited {
        let asked = ContinuousClock.now
        let visited = fences.filter { visit.shards.contains($0.key) }
        let answers = try await store.tend(
            visited, leaseMs: paces.leaseMs, renewAtMs: paces.leaseRenewAtMs, usersMax: visit.usersMax)
        var due: [UserID] = []
        var outcome = Visited(failures: answers.failures)
        var ends: [Shard: StreamTails] = [:]
        owned.untended(answers.failures.keys)
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
                if !tended.strangers.isEmpty { try await store.forget(tended.strangers, of: shard) }
            }
        }
        await onStreams(ends)
        for start in stride(from: 0, to: due.count, by: WorkerLimits.settleUsersMax) {
            let answer = try await settle(Array(due[start..<min(start + WorkerLimits.settleUsersMax, due.count)]))
            outcome.failures.merge(answer.failures) { $1 }
        }
        return outcome
    }

    private func settle(_ users: [UserID]) async throws -> SettleAnswer {
        let answer = try await store.settle(users)
        if answer.settled > 0 { logger.debug("Settled sessions", metadata: .keyed([.count: "\(answer.settled)"])) }
        for user in answer.unreadable {
            logger.error(
                "A user's record is not one this service wrote; correct or delete it",
                metadata: .keyed([.redisKey: "\(store.keys.user(user))"]))
        }
        return answer
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
