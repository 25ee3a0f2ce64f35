import Logging
import PresenceCore
import PresenceStore

/// Settles sessions whose timers have ended, shard by shard.
struct Sweeper: Sendable {
    let store: PresenceStore
    let owned: OwnedShards
    let logger: Logger
    let signal = WakeSignal()

    /// Runs until the signal is finished or the task cancelled.
    func run() async {
        var log = FailureLog("Cannot sweep; trying again", logger)
        while let woken = await signal.next() {
            do {
                try await sweep(woken, &log)
            } catch {
                log.failed(error)
            }
            try? await Task.sleep(for: .milliseconds(WorkerLimits.sweepPauseMs))
        }
    }

    /// Sweeps until no shard of these has a full batch left.
    private func sweep(_ shards: Set<Shard>, _ log: inout FailureLog) async throws {
        var behind = shards
        while !behind.isEmpty, !Task.isCancelled {
            let fences = owned.fences.filter { behind.contains($0.key) }
            let answers = try await store.sweep(fences)
            behind = []
            var due: [UserID] = []
            var lagMs = 0
            for (shard, answer) in answers.answers {
                switch answer {
                case .lost:
                    if let fence = fences[shard] { owned.remove(shard, fence: fence) }
                case .swept(let users, let lag):
                    due += users
                    lagMs = max(lagMs, lag)
                    if users.count >= StoreLimits.sweepBatchUsersMax { behind.insert(shard) }
                }
            }
            try await settle(due)
            owned.swept(answers.answers.keys, lagMs: lagMs)
            log.failed(answers.failures)
        }
    }

    private func settle(_ users: [UserID]) async throws {
        for start in stride(from: 0, to: users.count, by: WorkerLimits.settleBatchUsersMax) {
            let batch = users[start..<min(start + WorkerLimits.settleBatchUsersMax, users.count)]
            let answer = try await store.settle(Array(batch))
            if answer.changed > 0 { logger.debug("Settled sessions", metadata: ["count": "\(answer.changed)"]) }
            for (user, error) in answer.corrupt {
                logger.error(
                    "A user's record is not one this service wrote; correct or delete it",
                    metadata: ["key": "\(store.keys.user(user))", "error": "\(error)"])
            }
        }
    }
}
