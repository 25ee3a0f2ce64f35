import JSON
import PresenceCore
import PresenceStore

/// The whole service at one glance, made from one look at its workers and shards. Times are in milliseconds.
package struct ServiceOverview: Sendable {
    /// A worker that was heard of lately.
    package struct Worker: Sendable, Equatable {
        package let saying: WorkerSaying
        /// Whose background work it does.
        package let shards: Int
        /// It goes by the rules that stand.
        package let hasAdoptedRules: Bool
    }

    /// Names of shards without an owner that are told; there may be more.
    package static let unownedToldMax = 20

    package let atMs: Int
    package let workers: [Worker]
    package let shardCount: Int
    /// Shards no live worker owns, in their order.
    package let unowned: [Shard]
    package let shardsInGrace: Int
    /// What is not well, and how much of everything there is.
    package let report: CheckReport
    package let rules: SharedRules.Adopted?
    /// The rules that stand, as a worker that has them goes by them.
    package let options: StoreOptions?
    package let waiting: Int
    package let aside: Int
    package let dead: Int
    /// Age of the oldest event that waits; 0 where none does.
    package let waitingMs: Int
    /// How overdue the most overdue user of all shards is.
    package let settlementLagMs: Int

    /// - Parameter shards: how many there are.
    package init(_ facts: HealthFacts, shards: Int) {
        atMs = facts.nowMs
        shardCount = shards
        let live = Set(facts.live.map(\.name))
        let owners = facts.shards.filter { $0.value.ownedUntilMs > facts.nowMs }
            .compactMapValues(\.owner).filter { live.contains($0.value) }
        let owned = Dictionary(grouping: owners.values, by: { $0 }).mapValues(\.count)
        workers = facts.live.map { saying in
            Worker(
                saying: saying, shards: owned[saying.name] ?? 0,
                hasAdoptedRules: facts.rules.map { $0.digest == saying.rules } ?? true)
        }
        // Of a shard whose master cannot be asked it is not known.
        unowned = facts.shards.keys.filter { owners[$0] == nil }.sorted()
        let all = facts.shards.values
        shardsInGrace = all.count(where: \.isInGrace)
        report = CheckReport(facts, shards: shards, CheckThresholds())
        rules = facts.rules
        options = facts.rules.map { StoreOptions(worker: "", rules: $0.rules) }
        waiting = all.reduce(0) { $0 + $1.backlog }
        aside = all.reduce(0) { $0 + $1.aside }
        dead = all.reduce(0) { $0 + $1.dead }
        waitingMs = all.compactMap(\.oldestWaitingMs).min().map { max(0, facts.nowMs - $0) } ?? 0
        settlementLagMs = all.compactMap(\.firstDueMs).min().map { max(0, facts.nowMs - $0) } ?? 0
    }
}

extension WorkerSaying {
    /// As the owners of shards have it.
    fileprivate var name: String { String(percentEncoded: worker.utf8) ?? worker }
}

extension ServiceOverview {
    /// Writes its members, to stand among others.
    package func members(_ json: inout JSONWriter) {
        json.member("at", atMs)
        json.member("health", report)
        json.member("shards") { json in
            json.member("count", shardCount)
            json.member("unowned", unowned.count)
            json.member("unownedNumbers", Array(unowned.prefix(Self.unownedToldMax)))
            json.member("inGrace", shardsInGrace)
        }
        json.member("delivery") { json in
            json.member("hasReceiver", options?.hasReceiver ?? false)
            json.member("waiting", waiting)
            json.member("waitingMs", waitingMs)
            json.member("waitingMax", ifPresent: options?.eventsBacklogMax)
            json.member("aside", aside)
            json.member("dead", dead)
        }
        json.member("settlementLagMs", settlementLagMs)
        json.member("workers", workers)
        guard let rules, let options else { return }
        json.member("rules") { json in
            json.member("digest", rules.digest)
            json.member("policy", options.limits.policy.rawValue)
            json.member("onLimit", options.limits.onLimit.rawValue)
            json.member("outageGapMs", options.outageGapMs)
            json.member(
                "platforms",
                options.platforms.traits.keys.sorted { $0.name < $1.name }
                    .map { PlatformRule($0, options) })
        }
    }
}

extension ServiceOverview.Worker: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("worker", saying.name)
            json.member("version", ifPresent: saying.version)
            json.member("shards", shards)
            json.member("clockMs", ifPresent: saying.clockMs)
            json.member("rules", saying.rules)
            json.member("hasAdoptedRules", hasAdoptedRules)
            json.member("hasReceiver", saying.hasReceiver)
        }
    }
}
