import PresenceCore
import PresenceStore

/// What is wrong with the workers, and with how they look after the shards. Pure.
struct WorkerChecks {
    /// Shards are spread by hashing: a worker that has none of so many per worker is left out.
    static let shardsPerWorkerSure = 16
    /// A healthy owner notes that it sweeps every fifth of the gap that counts as an outage; a round takes a second.
    static let sweepSlackMs = 3_000
    /// Sessions are settled 2 s after their timer at the latest, unless many end at once.
    static let overdueMsMax = 5_000
    static let waitingMsMax = 60_000
    static let backlogPercentMax = 80

    var workers: [WorkerSaying]
    var adopted: SharedRules.Adopted?
    var shards: [ShardLook]
    var options: StoreOptions
    var keys: KeySpace

    var findings: [Finding] { aboutWorkers + shards.flatMap(findings(of:)) }

    private var aboutWorkers: [Finding] {
        guard !workers.isEmpty else { return [Finding(.noWorker, keys.workers)] }
        var findings: [Finding] = []
        if let adopted {
            let others = workers.filter { $0.rules != adopted.digest }
            findings += others.map {
                Finding(.rulesDiffer, $0.worker, "its rules are \($0.rules), those of the service \(adopted.digest)")
            }
            if others.count == workers.count { findings.append(Finding(.rulesUnserved, keys.rules, adopted.digest)) }
        } else {
            findings.append(Finding(.noRules, keys.rules))
        }
        for worker in workers {
            guard let clock = worker.clockMs, abs(clock) > ServerChecks.clockMsMax else { continue }
            findings.append(Finding(.workerClock, worker.worker, "\(clock) ms ahead of Redis"))
        }
        let versions = Set(workers.map { $0.version ?? "older" })
        if versions.count > 1 {
            findings.append(Finding(.workerVersionsDiffer, versions.sorted().joined(separator: ", ")))
        }
        return findings + idle
    }

    private var idle: [Finding] {
        let sharers = workers.filter { $0.rules == adopted?.digest }
        guard shards.count == keys.shards, shards.count >= sharers.count * Self.shardsPerWorkerSure else { return [] }
        let owners = Set(shards.filter(\.isOwned).compactMap(\.owner))
        return sharers.filter { !owners.contains($0.worker) && !owners.contains(plain($0.worker)) }.map {
            Finding(.workerIdle, $0.worker)
        }
    }

    private func findings(of shard: ShardLook) -> [Finding] {
        let subject = "shard \(shard.shard)"
        func found(_ code: FindingCode, _ detail: String, if isFound: Bool) -> [Finding] {
            isFound ? [Finding(code, subject, detail)] : []
        }
        let unswept = shard.unsweptMs ?? 0
        let letters = StoreLimits.deadLettersPerShardMax
        let capacity = max(1, options.eventsBacklogMax / keys.shards)
        var findings = shard.broken.map { Finding(.wrongType, $0) }
        findings += found(.shardUnowned, owner(shard), if: !shard.isOwned)
        findings += found(.ownerDead, owner(shard), if: shard.isOwned && !isAlive(shard.owner))
        findings += found(
            .sweepLate, "swept \(seconds(unswept)) ago by \(shard.owner ?? "nobody")",
            if: unswept > options.outageGapMs / 5 + Self.sweepSlackMs)
        findings += found(
            .settlementLate, "the first of its users is \(seconds(shard.overdueMs)) overdue",
            if: shard.overdueMs > Self.overdueMsMax)
        findings += found(
            .grace, "since \(seconds(shard.nowMs - (shard.graceBeganMs ?? 0)))", if: shard.graceBeganMs != nil)
        findings += found(
            .backlogOld, "the first of \(shard.backlog) events has waited \(seconds(shard.waitingMs))",
            if: shard.waitingMs > Self.waitingMsMax)
        findings += found(
            .backlogNearFull, "\(shard.backlog) of \(capacity) events wait",
            if: shard.backlog * 100 >= capacity * Self.backlogPercentMax && (shard.waiting ?? 1) > 0)
        if let counted = shard.countedBacklog {
            findings += found(
                .backlogWrong, "says \(shard.backlog), counted \(counted)", if: counted != shard.backlog)
        }
        findings += found(.cursorBeyond, "the cursor is \(shard.cursorBeyond ?? "")", if: shard.cursorBeyond != nil)
        findings += found(.eventsAside, "\(shard.aside) events", if: shard.aside > 0)
        let isFull = shard.dead >= letters || shard.dropped > 0
        findings += found(.deadLettersFull, "\(shard.dead) of \(letters), \(shard.dropped) dropped", if: isFull)
        findings += found(.deadLetters, "\(shard.dead) of \(letters)", if: shard.dead > 0 && !isFull)
        return findings
    }

    private func owner(_ shard: ShardLook) -> String {
        shard.owner.map { "the last was \($0)" } ?? "nobody ever did"
    }

    /// The owner's name stands there as it is, a worker's as in records.
    private func isAlive(_ owner: String?) -> Bool {
        workers.contains { $0.worker == owner || plain($0.worker) == owner }
    }

    private func plain(_ name: String) -> String { String(percentEncoded: name.utf8) ?? name }

    private func seconds(_ ms: Int) -> String { "\(ms / 1_000).\(ms % 1_000 / 100) s" }
}

extension [Finding] {
    /// Those that were there before: what is found twice, a moment apart, is none of the changes that always go on.
    func standing(since before: [Finding]) -> [Finding] {
        let known = Set(before.map { Finding($0.code, $0.subject) })
        return filter { known.contains(Finding($0.code, $0.subject)) }
    }
}
