extension FindingCode {
    struct About {
        let severity: Severity
        let meaning: String
        let advice: String

        init(_ severity: Severity, _ meaning: String, _ advice: String) {
            self.severity = severity
            self.meaning = meaning
            self.advice = advice
        }
    }

    /// One sentence each, for the terminal and the table of the documentation.
    var about: About {
        switch self {
        case .masterDown:
            About(
                .critical, "A Redis master cannot be asked: its users get 503.",
                "Start it, or let a replica take over; look at its log.")
        case .replicaDown:
            About(
                .warning, "A replica does not follow its master, or cannot be asked: a failover has nobody to go to.",
                "Start it; look at its log and at master_link_status of INFO.")
        case .replicaLate:
            About(
                .warning, "A replica is more than 10 s behind: a failover to it loses so much.",
                "Look at its network, disk and load.")
        case .noReplica:
            About(
                .warning, "A master that sentinels or a cluster watch has no replica: when it dies its users get 503.",
                "Give it a replica.")
        case .splitBrain:
            About(
                .warning, "A master that is cut off takes writes that a failover throws away.",
                "Set min-replicas-to-write 1 and min-replicas-max-lag 10 on all servers, and redis.min-replicas 1.")
        case .fullCoverage:
            About(
                .warning, "One master that is away stops all others of the cluster.",
                "Set cluster-require-full-coverage no on all nodes.")
        case .redisVersion:
            About(.critical, "This Redis is too old.", "Install Redis 7.0 or newer, or Valkey.")
        case .redisVersionsDiffer:
            About(.note, "The Redis servers run different versions.", "Finish the upgrade.")
        case .evicting:
            About(
                .critical, "Redis may evict live keys when its memory is full: sessions vanish silently.",
                "Set maxmemory-policy noeviction.")
        case .noAppendOnlyFile:
            About(
                .warning, "Redis writes no append-only file: what changed is lost when it stops.",
                "Set appendonly yes.")
        case .savingFails:
            About(.critical, "Redis cannot save: all is lost when it stops.", "Free its disk and read its log.")
        case .memoryShort:
            About(
                .warning, "Redis has used more than 80 % of its memory: when it is full logins are refused.",
                "Raise maxmemory, or add memory or masters.")
        case .notificationsOff:
            About(
                .warning, "Redis tells no worker of ends and changes: they are noticed up to a second later.",
                "CONFIG SET notify-keyspace-events Kxt, and the same in its configuration file.")
        case .notificationsUnknown:
            About(
                .note, "This Redis user may not read whether notifications are on.",
                "Add +config|get to its ACL, or run the doctor as another user.")
        case .missingPermission:
            About(
                .critical, "The Redis user lacks permissions the service cannot do without.",
                "Add them to its ACL on that server, replicas too: one of them is the next master.")
        case .missingHintPermission:
            About(
                .warning, "The Redis user may not use pub/sub: kicks, ends and changes are noticed later.",
                "Add them to its ACL.")
        case .redisClocksDiffer:
            About(
                .warning, "The clocks of the Redis servers differ: a failover makes timers early or late by that.",
                "Run NTP on all of them.")
        case .ownClock:
            About(
                .note, "The clock of this machine is not that of Redis, which decides everything.",
                "Run NTP on both; until then times shown here and there differ.")
        case .cannotLook:
            About(
                .warning, "Something could not be looked at, so nothing is known of it.",
                "Give the doctor a Redis user with what it names, or run it again when Redis answers.")
        case .noWorker:
            About(
                .critical, "No worker is alive: nobody ends, settles or delivers.",
                "Start workers; look at their logs.")
        case .noRules:
            About(
                .critical, "No rules stand in Redis: it was flushed, or no worker ever worked here.",
                "Start a worker: it adopts its own.")
        case .rulesDiffer:
            About(
                .warning, "A worker has other rules than all: it serves calls and does no background work.",
                "Correct its configuration, or adopt it with `presence rules adopt`.")
        case .rulesUnserved:
            About(
                .critical,
                "No live worker has the rules that stand: nobody settles, and within 30 s one adopts its own.",
                "Start workers with these rules, or adopt others with `presence rules adopt`.")
        case .configurationDiffers:
            About(
                .note, "The configuration given here is not that of the service.",
                "Start no worker with it, unless it is to be adopted.")
        case .workerClock:
            About(
                .warning, "A worker's clock is not that of Redis: ends of tokens, and its log, are wrong by that.",
                "Run NTP on its machine.")
        case .workerVersionsDiffer:
            About(.note, "Workers of different versions are at work.", "Finish the upgrade, or take it back.")
        case .workerIdle:
            About(
                .note, "A worker has the rules that stand and owns nothing.",
                "Look again in a minute; then look at its log.")
        case .shardUnowned:
            About(
                .critical, "Nobody does the background work of a shard: its users do not end and events wait.",
                "Start workers with the rules that stand; look at their logs for why none takes it.")
        case .ownerDead:
            About(
                .warning, "The owner of a shard does not say that it lives; another takes over within 12 s.",
                "Look at that worker, and whether it reaches the master that has presence:workers.")
        case .sweepLate:
            About(
                .critical, "A shard was not swept for too long: lost clients stay Online, or a grace follows.",
                "Look at its owner: is it paused, overloaded, or cut off from that master?")
        case .settlementLate:
            About(
                .critical, "Sessions have ended and are not settled: users are shown Online who are gone.",
                "Look at the owner's log; if everything is late, at the CPU of Redis and workers.")
        case .grace:
            About(
                .note, "After an outage clients have time to heartbeat: until then nobody is settled as lost.",
                "Wait for its end, 150 s after the outage by default.")
        case .wrongType:
            About(
                .critical, "A key of a shard holds something else: its users are refused or not settled.",
                "Find out who wrote it; RENAME it away, and the next owner starts anew.")
        case .backlogOld:
            About(
                .warning, "Events have waited for the receiver for more than a minute.",
                "Look at the receiver and at the workers' logs; nothing is lost until the backlog is full.")
        case .backlogNearFull:
            About(
                .critical, "The backlog of a shard is over 80 % of what it may be: when full its logins are refused.",
                "Repair the receiver, raise events.backlog-max, or give the receiver up with `presence rules adopt`.")
        case .backlogWrong:
            About(
                .warning, "The number of waiting events is not what the stream has: logins may be refused for nothing.",
                "Run with --fix.")
        case .cursorBeyond:
            About(
                .critical, "The cursor stands where the stream is not: what is there may not be delivered.",
                "Restart the shard's owner: whoever takes the shard over delivers all there is.")
        case .eventsAside:
            About(
                .warning, "The receiver keeps failing for some users: their events wait, in order.",
                "Look at XRANGE of the shard's `aside`, and at what the receiver says to them.")
        case .deadLetters:
            About(
                .warning, "Events were refused for good: the receiver does not know of these changes.",
                "Look at XRANGE of the shard's `dead`, repair the receiver, then `presence replay`.")
        case .deadLettersFull:
            About(
                .critical, "The dead letters of a shard are full or were: the oldest are dropped for good.",
                "Repair the receiver and `presence replay`; then HDEL `dropped` of the shard's `cursor`.")
        case .unreadableRecord:
            About(
                .critical, "A record holds what this service did not write: its user is answered with an error.",
                "HGETALL it, find out who wrote it, and HDEL the field.")
        case .missingDeadline:
            About(.critical, "A user with sessions is not among the deadlines: they never end.", "Run with --fix.")
        case .lateDeadline:
            About(.critical, "A user is looked at only after a timer ended: that end is told late.", "Run with --fix.")
        case .idleDeadline:
            About(.warning, "The deadlines name a user without sessions, or nobody.", "Run with --fix.")
        case .ghost:
            About(
                .critical, "A session has no timer and nobody will look at it: its user stays Online, or PushOnline.",
                "Run with --fix: its client gets the time of a heartbeat and a quarter, then it is settled.")
        case .orphanTimer:
            About(.warning, "A timer is of a session that is not on record.", "Run with --fix.")
        case .endlessTimer:
            About(.critical, "A timer has no end, nor has its session.", "Run with --fix: it gets its usual length.")
        case .endlessRecord:
            About(.warning, "The record of a user without sessions stays for ever.", "Run with --fix.")
        case .endingRecord:
            About(
                .critical, "The record of a user with sessions has a TTL: they will vanish silently.", "Run with --fix."
            )
        case .endlessKey:
            About(.warning, "A key that has to end by itself does not.", "Run with --fix.")
        case .wrongCounts:
            About(.warning, "The live counts of a shard are not what its records say.", "Run with --fix.")
        case .uncounted:
            About(
                .note, "A shard changes too fast, or has records that cannot be read: its counts were not checked.",
                "Run again at a quieter time.")
        case .wrongShard:
            About(
                .warning, "A key is of a user of another shard: nobody ever looks at it.",
                "Find out who wrote it (a restore with other shards?), and delete it.")
        case .strayKey:
            About(
                .warning, "A key with the service's prefix is none of its keys.",
                "Find out who wrote it; keep other keys out of this prefix.")
        }
    }

    /// The table of the documentation.
    package static var markdownTable: String {
        let rows = allCases.map { code in
            "| `\(code.rawValue)` | \(code.severity.rawValue) | \(code.meaning) | \(code.advice) | "
                + "\(code.isFixable ? "yes" : "") |"
        }
        return (["| code | severity | what it means | what to do | `--fix` |", "|---|---|---|---|---|"] + rows)
            .joined(separator: "\n")
    }
}
