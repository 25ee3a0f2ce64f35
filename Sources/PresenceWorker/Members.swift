import Logging
import Logs
import PresenceCore
import PresenceStore
import Synchronization
import Telemetry

/// The worker among the others: says it lives, minds the rules and the layout, takes over its share of the shards and
/// gives up what is not. Decisions are `RulesWatch`'s and `ShardOwnership`'s.
actor Members {
    private let store: PresenceStore
    private let owned: OwnedShards
    private let delivery: Delivery
    private let paces: WorkerPaces
    private let clock: RedisClock
    private let figures: WorkerFigures
    private let logger: Logger
    /// Tells that shards were gained.
    private let onGain: @Sendable (Set<Shard>) -> Void

    private var watch: RulesWatch
    /// The last heard: while nobody can be asked it goes on counting.
    private var membership: Membership?
    private var sharers: [String] = []
    private var heardAt = ContinuousClock.now
    /// Owned shards whose deadlines were made under other rules.
    private var unlowered: [Shard: Fence] = [:]
    private var differences: [String] = []
    private var log: FailureLog
    private let status = Mutex(WorkerStatus())

    init(
        store: PresenceStore, owned: OwnedShards, delivery: Delivery, paces: WorkerPaces, clock: RedisClock,
        figures: WorkerFigures, logger: Logger, onGain: @escaping @Sendable (Set<Shard>) -> Void
    ) {
        self.store = store
        self.owned = owned
        self.delivery = delivery
        self.paces = paces
        self.clock = clock
        self.figures = figures
        self.logger = logger
        self.onGain = onGain
        watch = RulesWatch(
            store.options.rules(hasReceiver: store.options.hasReceiver), adoptAfter: .milliseconds(paces.adoptAfterMs))
        log = FailureLog("Cannot register or take over shards; trying again", logger)
    }

    /// Runs until cancelled; the shards stay owned.
    /// - Throws: `StoreError` with the code `layout` if this worker cannot work on this Redis any more.
    func run() async throws(StoreError) {
        while !Task.isCancelled {
            do {
                try await learn()
            } catch  where error.code != .layout {
                log.failed(error)
                // What is damaged is not what cannot be asked.
                if (try? await store.ping()) != nil { status.withLock { $0.answeredAt = .now } }
            }
            await share()
            await lower()
            try? await Task.sleep(for: .milliseconds(paces.ownershipRoundMs))
        }
    }

    nonisolated var current: WorkerStatus { status.withLock(\.self) }

    nonisolated func stop() { status.withLock { $0.isStopping = true } }

    /// Says this worker lives, and by which rules it may work.
    private func learn() async throws(StoreError) {
        let layoutIsNew = try await store.checkLayout(isRunning: membership != nil)
        if layoutIsNew, membership != nil {
            logger.critical(
                "Redis has lost presence:meta, and if it was flushed all sessions: they are back when their clients log in again",
                metadata: .keyed([.redisPrefix: "\(store.keys.prefix)"]))
        }
        var membership = try await store.register(silenceMs: paces.workerSilenceMs)
        var verdict = watch.judge(membership, now: .now)
        if case .adopts(let rules, let former) = verdict {
            if try await store.adopt(rules, insteadOf: former) {
                let changes = membership.rules.map { rules.differences(from: $0.rules) } ?? []
                logger.notice(
                    "Adopted this worker's rules for all workers",
                    metadata: .keyed([
                        .rulesDigest: "\(rules.digest)", .differences: "\(changes.joined(separator: "; "))",
                    ]))
            }
            membership = try await store.register(silenceMs: paces.workerSilenceMs)
            verdict = watch.judge(membership, now: .now)
        }
        self.membership = membership
        heardAt = .now
        clock.saw(redisMs: membership.nowMs)
        status.withLock {
            $0.answeredAt = .now
            $0.adoptedRules = membership.rules?.digest ?? $0.adoptedRules
        }
        switch verdict {
        case .shares(let workers), .standsIn(let workers): sharers = workers
        case .waits, .adopts: sharers = []
        }
        await delivery.setWaiting(!verdict.isShare)
        tell(verdict, membership)
    }

    private func tell(_ verdict: RulesWatch.Verdict, _ membership: Membership) {
        let now = verdict == .waits || verdict.isStandIn ? watch.own.differences(from: membership.rules?.rules) : []
        status.withLock { $0.differences = now }
        guard now != differences else { return }
        differences = now
        switch verdict {
        case .standsIn:
            logger.warning(
                "The rules of this service have a receiver and no worker has: events wait. Set callback.url, or give the receiver up with `presence rules adopt`"
            )
        case .waits:
            logger.warning(
                "The rules of this worker are not those of the service: it serves calls and does no background work. Correct them, or adopt them with `presence rules adopt`",
                metadata: .keyed([.differences: "\(now.joined(separator: "; "))"]))
        case .shares, .adopts:
            logger.notice("The rules of this worker are those of the service")
        }
    }

    /// Keeps the fair share of the shards; gives up the others once their attempts have ended.
    private func share() async {
        let leasesUnheard = Int((.now - heardAt) / .milliseconds(paces.leaseMs))
        let round = owned.round(sharers: sharers, leasesUnheard: leasesUnheard)
        let leaving = await delivery.leave(round.giveUp)
        let given = owned.fences.filter { leaving.contains($0.key) }
        if !given.isEmpty {
            owned.lost(given)
            owned.areOthers(given.keys)
            log.failed(await store.release(given).failures)
            logger.info(
                "Gave up shards",
                metadata: .keyed([.count: "\(given.count)", .ownedShards: "\(owned.fences.count)"]))
        }
        await withDiscardingTaskGroup { group in
            for shards in store.byHome(round.take).values { group.addTask { await self.take(shards) } }
        }
    }

    private func take(_ shards: Set<Shard>) async {
        for start in stride(from: 0, to: shards.count, by: WorkerLimits.shardsPerCallMax) {
            let batch = Array(shards.sorted()[start..<min(start + WorkerLimits.shardsPerCallMax, shards.count)])
            let asked = ContinuousClock.now
            let answers = await store.own(batch, leaseMs: paces.leaseMs)
            log.failed(answers.failures)
            owned.untended(answers.failures)
            owned.areOthers(batch.filter { answers.failures[$0] == nil && answers[$0] == nil })
            guard !answers.answers.isEmpty else { continue }
            owned.took(answers.answers, leaseMs: paces.leaseMs, asked: asked)
            figures.takeovers.count(answers.answers.count)
            onGain(Set(answers.answers.keys))
            logger.debug(
                "Took over shards",
                metadata: .keyed([.count: "\(answers.answers.count)", .ownedShards: "\(owned.fences.count)"]))
            for (shard, owner) in answers.answers where !owner.areDeadlinesTrue { unlowered[shard] = owner.fence }
        }
    }

    /// Goes on with shards whose deadlines are not true under this worker's rules yet, a part in each round.
    private func lower() async {
        unlowered = unlowered.filter { owned.holds($0.key, $0.value) }
        guard !unlowered.isEmpty else { return }
        let part = unlowered.sorted { $0.key < $1.key }.prefix(WorkerLimits.loweredShardsMax)
        let answers = await store.lowerDeadlines(Dictionary(uniqueKeysWithValues: part.map { ($0, $1) }))
        log.failed(answers.failures)
        for shard in answers.answers.keys { unlowered[shard] = nil }
    }
}

/// How this worker stands among the others.
package struct WorkerStatus: Sendable {
    /// When Redis last answered the background work.
    package var answeredAt: ContinuousClock.Instant?
    /// Where this worker's rules differ from those of the service; it then does no background work, or only sweeps.
    package var differences: [String] = []
    /// Of the rules of the service; nil until they were heard of.
    package var adoptedRules: SharedRules.Digest?
    package var isStopping = false
}

extension RulesWatch.Verdict {
    fileprivate var isStandIn: Bool {
        if case .standsIn = self { true } else { false }
    }

    /// Only who shares by the adopted rules may pass events where it has no receiver.
    fileprivate var isShare: Bool {
        if case .shares = self { true } else { false }
    }
}

extension SharedRules {
    fileprivate func differences(from adopted: SharedRules?) -> [String] { adopted.map { differences(from: $0) } ?? [] }
}
