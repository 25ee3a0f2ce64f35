import PresenceStore
import Testing

@testable import PresenceWorker

@Suite struct ShardOwnershipTests {
    private let start = ContinuousClock.now

    private func after(_ seconds: Double) -> ContinuousClock.Instant { start + .milliseconds(Int(seconds * 1_000)) }

    @Test("A worker alone takes over every shard; what it owns it takes no more; beside others it gives up their share")
    func shares() {
        var ownership = ShardOwnership(worker: "a", shards: 8)
        let all = Set(0..<8)
        #expect(ownership.round(sharers: ["a"], now: start) == .init(take: all))
        for shard in all { ownership.took(shard, fence: 7, leaseEnds: after(8)) }
        #expect(ownership.round(sharers: ["a"], now: after(1)) == .init())
        let own = RendezvousHash.shards(of: "a", among: ["a", "b"], shards: 8)
        #expect(ownership.round(sharers: ["a", "b"], now: after(2)) == .init(giveUp: all.subtracting(own)))
        for shard in all.subtracting(own) { ownership.lost(shard, fence: 7) }
        #expect(ownership.round(sharers: ["a", "b"], now: after(3)) == .init())
        #expect(ownership.round(sharers: ["a"], now: after(4)).take == all.subtracting(own))
    }

    @Test("A worker that shares with nobody, for its rules are others, gives up all it owns and takes nothing")
    func excluded() {
        var ownership = ShardOwnership(worker: "a", shards: 2)
        ownership.took(0, fence: 1, leaseEnds: after(8))
        #expect(ownership.round(sharers: [], now: start) == .init(giveUp: [0]))
        #expect(ownership.round(sharers: ["b"], now: start) == .init(giveUp: [0]))
    }

    @Test("While nobody can tell who lives the next in line for a shard tries it too, and gives it back when they can")
    func standIn() {
        let workers = ["a", "b", "c"]
        let places = RendezvousHash.places(of: "a", among: workers, shards: 64)
        func shards(_ most: Int) -> Set<Shard> { Set(places.filter { $0.value <= most }.keys) }
        var ownership = ShardOwnership(worker: "a", shards: 64)
        #expect(ownership.round(sharers: workers, now: start).take == shards(0))
        for shard in shards(0) { ownership.took(shard, fence: 1, leaseEnds: after(99)) }
        #expect(
            ownership.round(sharers: workers, leasesUnheard: 1, now: start).take == shards(1).subtracting(shards(0)))
        let free = shards(1).subtracting(shards(0)).first!
        ownership.took(free, fence: 1, leaseEnds: after(99))
        let later = ownership.round(sharers: workers, leasesUnheard: 2, now: start)
        #expect(later == .init(take: shards(2).subtracting(shards(0)).subtracting([free])))
        #expect(shards(2).count == 64)
        #expect(ownership.round(sharers: workers, now: start) == .init(giveUp: [free]))
        // Nothing is taken by who shares with nobody, however long.
        #expect(ownership.round(sharers: [], leasesUnheard: 9, now: start).take == [])
    }

    @Test("In line for a shard every worker has another place, and behind its owner comes who owns it without them")
    func places() {
        let workers = ["a", "b", "c"]
        let places = workers.map { RendezvousHash.places(of: $0, among: workers, shards: 64) }
        for shard in 0..<64 {
            #expect(Set(places.compactMap { $0[shard] }) == [0, 1, 2])
            guard let first = places.firstIndex(where: { $0[shard] == 0 }),
                let second = places.firstIndex(where: { $0[shard] == 1 })
            else { continue }
            let left = workers.filter { $0 != workers[first] }
            #expect(RendezvousHash.shards(of: workers[second], among: left, shards: 64).contains(shard))
        }
    }

    @Test("A lease that ended by the worker's own clock is over at once, and is taken again like any other")
    func ended() {
        var ownership = ShardOwnership(worker: "a", shards: 1)
        ownership.took(0, fence: 1, leaseEnds: after(8))
        #expect(ownership.holds(0, 1, now: after(7.9)))
        #expect(!ownership.holds(0, 1, now: after(8)))
        #expect(ownership.fences(now: after(8)) == [:])
        #expect(ownership.round(sharers: ["a"], now: after(8)) == .init(take: [0]))
        ownership.renewed(0, fence: 1, leaseEnds: after(16))
        #expect(ownership.holds(0, 1, now: after(8)))
    }

    @Test("What is heard of an older ownership changes nothing of the newer one")
    func fences() {
        var ownership = ShardOwnership(worker: "a", shards: 1)
        ownership.took(0, fence: 2, leaseEnds: after(8))
        ownership.renewed(0, fence: 1, leaseEnds: after(99))
        ownership.lost(0, fence: 1)
        #expect(ownership.fences(now: after(7)) == [0: 2])
        #expect(ownership.fences(now: after(9)) == [:])
        #expect(!ownership.holds(0, 1, now: start))
        ownership.lost(0, fence: 2)
        #expect(!ownership.holds(0, 2, now: start))
    }

    @Test("Every shard has one owner whoever counts, shares are fair, and a worker that leaves moves only its own")
    func rendezvous() {
        let workers = (1...5).map { "worker-\($0)" }
        let shares = workers.map { RendezvousHash.shards(of: $0, among: workers, shards: 4_096) }
        #expect(shares.map(\.count).reduce(0, +) == 4_096)
        #expect(shares.allSatisfy { (700...940).contains($0.count) })
        let left = Array(workers.dropLast())
        for (worker, share) in zip(left, shares) {
            #expect(share.isSubset(of: RendezvousHash.shards(of: worker, among: left, shards: 4_096)))
        }
    }
}
