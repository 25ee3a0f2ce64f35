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
