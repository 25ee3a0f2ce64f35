import PresenceStore
import Telemetry

// What is told of the background work when somebody asks.
extension BackgroundWork {
    /// Has how things stand told: of the shards this worker owns, so that a sum over the workers is true.
    func watch(_ instruments: Instruments) {
        instruments.whenAsked { standing + rules }
        instruments.whenAsked { await notifications.readings }
        instruments.whenAsked { await delivery.readings }
        instruments.whenAsked { await shardReadings() }
    }

    private var standing: [Reading] {
        [
            Reading(.shards, is: store.keys.shards), Reading(.shardsOwned, is: owned.fences.count),
            Reading(.settlementOverdue, is: Double(owned.lagMs) / 1_000),
        ]
    }

    private var rules: [Reading] {
        guard let adopted = status.adoptedRules else { return [] }
        let own = store.saying.rules
        return [Reading(.rules, own, adopted == own ? "yes" : "no", is: 1)]
    }

    /// Of shards whose Redis answers, and which are still this worker's by then.
    private func shardReadings() async -> [Reading] {
        let fences = owned.fences
        let answers = await store.figures(of: fences.keys.sorted()).answers
        let held = owned.fences
        var counts = PresenceCounts()
        var sum = ShardFigures()
        var (shards, inGrace) = (0, 0)
        for (shard, figures) in answers where held[shard] == fences[shard] {
            shards += 1
            if figures.isInGrace { inGrace += 1 }
            counts += figures.counts
            sum.backlog += figures.backlog
            sum.aside += figures.aside
            sum.dead += figures.dead
        }
        let readings = [Reading(.shardsCounted, is: shards)]
        guard shards > 0 else { return readings }
        return readings + store.readings(counts) + [
            Reading(.backlog, is: sum.backlog), Reading(.eventsAside, is: sum.aside),
            Reading(.deadLetters, is: sum.dead), Reading(.shardsInGrace, is: inGrace),
        ]
    }
}

extension Delivery {
    /// Nothing where nobody is to be told.
    fileprivate var readings: [Reading] {
        guard hasReceiver else { return [] }
        let now = ContinuousClock.now
        return [
            Reading(.receiverFailing, is: state.receiver.isAtFault),
            Reading(.usersAside, is: state.shards.values.reduce(0) { $0 + $1.usersAside }),
            Reading(.backlogAge, is: state.shards.values.map { $0.age(now) }.max() ?? 0),
        ]
    }
}

extension ShardDelivery {
    fileprivate var usersAside: Int { aside.userCount }

    /// How long the oldest event has waited that is not done or set aside, in seconds.
    fileprivate func age(_ now: ContinuousClock.Instant) -> Double {
        guard let at = window.oldest.flatMap(StreamPosition.milliseconds) else { return 0 }
        return Double(max(0, nowMs(now) - at)) / 1_000
    }
}

extension Notifications {
    fileprivate var readings: [Reading] {
        heardOf.map { Reading(.notificationsOn, $0, is: $1) }
    }
}
