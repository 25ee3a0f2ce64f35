import Faults
import Testing

/// A short round of some faults, each with simulated users, from one seed; `Scripts/fault` has all of them, and longer.
@Suite("A short round of faults", .serialized, .timeLimit(.minutes(5)))
struct ShortFaultTests {
    private static let seed: UInt64 = 20_261_127

    @Test(
        "Nothing that was promised is broken",
        arguments: ["kill-redis", "flushall", "redis-reply-lost", "receiver-any"])
    func holds(_ name: String) async throws {
        let nemesis = try #require(Nemeses.named(name))
        var run = FaultRun(nemesis, seed: Self.seed, seconds: 3)
        run.size = Workload.Size(users: 12, sockets: 4)
        let result = try await run.run()
        print("fault \(name), seed \(Self.seed): \(result.rounds) rounds, \(result.operations) operations")
        #expect(
            result.breaches.isEmpty,
            "seed \(Self.seed), \(result.folder ?? ""): \(result.breaches.prefix(10).map(\.description))")
    }
}
