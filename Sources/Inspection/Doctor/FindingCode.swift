/// How bad a finding is.
package enum Severity: String, Sendable, CaseIterable, Comparable {
    /// Users are shown in a wrong state, are refused, or are not told of, now or soon.
    case critical
    /// A promise of the service does not hold in the next failure, or figures are wrong.
    case warning
    /// Worth knowing; nothing to do as such.
    case note

    package static func < (one: Severity, other: Severity) -> Bool { one.rank < other.rank }

    private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}

/// What the doctor can find: a closed list, whose names scripts of operators may rely on.
package enum FindingCode: String, Sendable, CaseIterable {
    // Redis.
    case masterDown = "master-down"
    case replicaDown = "replica-down"
    case replicaLate = "replica-late"
    case noReplica = "no-replica"
    case splitBrain = "split-brain"
    case fullCoverage = "full-coverage"
    case redisVersion = "redis-version"
    case redisVersionsDiffer = "redis-versions-differ"
    case evicting
    case noAppendOnlyFile = "no-append-only-file"
    case savingFails = "saving-fails"
    case memoryShort = "memory-short"
    case notificationsOff = "notifications-off"
    case notificationsUnknown = "notifications-unknown"
    case missingPermission = "missing-permission"
    case missingHintPermission = "missing-hint-permission"
    case redisClocksDiffer = "redis-clocks-differ"
    case ownClock = "own-clock"
    case cannotLook = "cannot-look"

    // Workers and their shards.
    case noWorker = "no-worker"
    case noRules = "no-rules"
    case rulesDiffer = "rules-differ"
    case rulesUnserved = "rules-unserved"
    case configurationDiffers = "configuration-differs"
    case workerClock = "worker-clock"
    case workerVersionsDiffer = "worker-versions-differ"
    case workerIdle = "worker-idle"
    case shardUnowned = "shard-unowned"
    case ownerDead = "owner-dead"
    case sweepLate = "sweep-late"
    case settlementLate = "settlement-late"
    case grace
    case wrongType = "wrong-type"

    // Delivery.
    case backlogOld = "backlog-old"
    case backlogNearFull = "backlog-near-full"
    case backlogWrong = "backlog-wrong"
    case cursorBeyond = "cursor-beyond"
    case eventsAside = "events-aside"
    case deadLetters = "dead-letters"
    case deadLettersFull = "dead-letters-full"

    // The audit of all keys.
    case unreadableRecord = "unreadable-record"
    case missingDeadline = "missing-deadline"
    case lateDeadline = "late-deadline"
    case idleDeadline = "idle-deadline"
    case ghost
    case orphanTimer = "orphan-timer"
    case endlessTimer = "endless-timer"
    case endlessRecord = "endless-record"
    case endingRecord = "ending-record"
    case endlessKey = "endless-key"
    case wrongCounts = "wrong-counts"
    case uncounted
    case wrongShard = "wrong-shard"
    case strayKey = "stray-key"
}

extension FindingCode {
    package var severity: Severity { about.severity }
    /// What it means.
    package var meaning: String { about.meaning }
    /// What to do.
    package var advice: String { about.advice }

    /// Whether `--fix` mends it.
    package var isFixable: Bool {
        switch self {
        case .backlogWrong, .missingDeadline, .lateDeadline, .idleDeadline, .ghost, .orphanTimer, .endlessTimer,
            .endlessRecord, .endingRecord, .endlessKey, .wrongCounts:
            true
        default: false
        }
    }
}
