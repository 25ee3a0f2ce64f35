import PresenceStore

/// Which shards a worker owns, which it is to take over, and which to give up. Pure: time is passed in.
///
/// A lease that ended by this worker's own clock is over at once, whatever Redis would say: another worker may have the
/// shard by now.
///
/// Who else lives stands on one Redis server. While that one cannot be asked nobody can tell who died; then, with every
/// lease that could have ended meanwhile, the next in line for a shard tries it too. A shard that is held is refused, so
/// that only those change hands whose owner is gone. When the server answers again, all go back to their fair owners.
struct ShardOwnership {
    typealias Instant = ContinuousClock.Instant

    private struct Held {
        let fence: Fence
        var leaseEnds: Instant
    }

    /// What one round has to do.
    struct Round: Equatable {
        var take: Set<Shard> = []
        var giveUp: Set<Shard> = []
    }

    let worker: String
    let shards: Int
    private var held: [Shard: Held] = [:]
    private var sharers: [String] = []
    /// Where this worker stands in line for each shard; none while it shares with nobody.
    private var places: [Shard: Int] = [:]

    init(worker: String, shards: Int) {
        self.worker = worker
        self.shards = shards
    }

    /// - Parameters:
    ///   - sharers: the workers the shards are shared among. Places are computed anew only when they change.
    ///   - leasesUnheard: how many whole leases have passed since they were heard of.
    mutating func round(sharers: [String], leasesUnheard: Int = 0, now: Instant) -> Round {
        if sharers != self.sharers {
            self.sharers = sharers
            places = RendezvousHash.places(of: worker, among: sharers, shards: shards)
        }
        let standIn = min(leasesUnheard, WorkerLimits.standInsMax)
        let share = Set(places.filter { $0.value <= standIn }.keys)
        let own = fences(now: now)
        let kept = standIn == 0 ? share : Set(places.keys)
        return Round(take: share.filter { own[$0] == nil }, giveUp: Set(own.keys).subtracting(kept))
    }

    mutating func took(_ shard: Shard, fence: Fence, leaseEnds: Instant) {
        held[shard] = Held(fence: fence, leaseEnds: leaseEnds)
    }

    /// Redis told what is left of the lease.
    mutating func renewed(_ shard: Shard, fence: Fence, leaseEnds: Instant) {
        guard held[shard]?.fence == fence else { return }
        held[shard]?.leaseEnds = leaseEnds
    }

    /// It has another owner, or was given up.
    mutating func lost(_ shard: Shard, fence: Fence) {
        if held[shard]?.fence == fence { held[shard] = nil }
    }

    func fences(now: Instant) -> [Shard: Fence] { held.filter { now < $0.value.leaseEnds }.mapValues(\.fence) }

    func holds(_ shard: Shard, _ fence: Fence, now: Instant) -> Bool {
        guard let held = held[shard] else { return false }
        return held.fence == fence && now < held.leaseEnds
    }
}
