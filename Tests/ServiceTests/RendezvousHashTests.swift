import Testing

@testable import PresenceWorker

@Suite("Fair shares by rendezvous hashing")
struct RendezvousHashTests {
    private let workers = ["host-aaaaaa", "host-bbbbbb", "host-cccccc"]

    private func owners(_ live: [String]) -> [String?] { (0..<128).map { RendezvousHash.owner(of: $0, among: live) } }

    @Test("Every shard has exactly one owner, and every worker about its share")
    func shares() {
        let counts = workers.map { RendezvousHash.shards(of: $0, among: workers, shards: 128).count }
        #expect(counts.reduce(0, +) == 128)
        #expect(counts.allSatisfy { (25...60).contains($0) }, "\(counts)")
    }

    @Test("All workers compute the same, in whatever order they learned of each other")
    func agreement() {
        #expect(owners(workers) == owners(workers.reversed()))
        #expect(owners([]) == Array(repeating: nil, count: 128))
    }

    @Test("When a worker goes only its own shards move")
    func departure() {
        for (before, after) in zip(owners(workers), owners(Array(workers.dropLast()))) where before != workers[2] {
            #expect(before == after)
        }
    }
}
