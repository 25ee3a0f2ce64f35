import PresenceCore
import PresenceStore
import PresenceWorker

/// What a worker has in memory: the shards it believes it owns, and its deliveries, which `DeliveryState` decides on.
struct SimulatedWorker {
    let name: String
    let store: PresenceStore
    /// With the ends of its leases by its own clock.
    var held: [Shard: (fence: Fence, leaseEnds: ContinuousClock.Instant)] = [:]
    var delivery: DeliveryState
    /// Attempts that are on their way.
    var underWay: [(attempt: DeliveryAttempt, change: StatusChange)] = []

    static let inFlightMost = 4

    init(_ name: String, _ store: PresenceStore) {
        self.name = name
        self.store = store
        delivery = DeliveryState(paces: Self.paces, inFlightMax: Self.inFlightMost)
    }

    func fence(of shard: Shard, _ now: ContinuousClock.Instant) -> Fence? {
        held[shard].flatMap { now < $0.leaseEnds ? $0.fence : nil }
    }

    func owned(_ now: ContinuousClock.Instant) -> [Shard] {
        held.keys.filter { fence(of: $0, now) != nil }.sorted()
    }

    mutating func lost(_ shard: Shard) { held[shard] = nil }

    /// Fewer failures and shorter times than the service's, and no pauses, which are random there.
    static let paces: DeliveryPaces = {
        var paces = DeliveryPaces()
        paces.asideAttempts = 2
        paces.asideAfter = .seconds(1)
        paces.deadRefusals = 2
        paces.deadAfter = .seconds(5)
        paces.asideAgeMax = .seconds(3_600)
        let none = RetryDelay(firstMs: 0, mostMs: 0, askedMostMs: 0)
        (paces.retry, paces.asideRetry, paces.freshProbe, paces.probe) = (none, none, none, none)
        return paces
    }()
}

/// The receiver of callbacks: what it does with whose events, and which it has.
struct SimulatedReceiver {
    enum Mood: CaseIterable {
        case accepting
        /// It answers that it may work later.
        case failing
        /// It takes the event, and its answer is lost.
        case forgetful
        /// It answers that it will not take this one.
        case refusing
    }

    var moods: [UserID: Mood] = [:]
    var isDown = false
    /// Events it will never take, by their ids.
    var poison: Set<String> = []
    /// Serials of the events it has, and of what it was sent at all.
    var accepted: Set<Int> = []
    var refusals: [Int: Int] = [:]
    /// All that was ever committed, in any course of events, by id.
    var known: [String: [StatusChange]] = [:]

    /// - Returns: whether it takes the event, and how the attempt ends.
    func meets(_ change: StatusChange) -> (takes: Bool, outcome: DeliveryOutcome) {
        if isDown { return (false, .retry(afterMs: nil, detail: "down")) }
        if poison.contains(change.id) { return (false, .refused(detail: "poison")) }
        switch moods[change.user] ?? .accepting {
        case .accepting: return (true, .delivered)
        case .failing: return (false, .retry(afterMs: nil, detail: "500"))
        case .forgetful: return (true, .retry(afterMs: nil, detail: "reset"))
        case .refusing: return (false, .refused(detail: "400"))
        }
    }
}
