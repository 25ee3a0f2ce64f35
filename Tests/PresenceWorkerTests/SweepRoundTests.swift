import PresenceStore
import Testing

@testable import PresenceWorker

@Suite struct SweepRoundTests {
    /// Runs a round in which so many users are due.
    private func run(_ round: SweepRound, due: [Shard: Int]) -> (visited: [Shard], users: Int, behind: Set<Shard>) {
        var round = round
        var (visited, users) = ([Shard](), 0)
        while let visit = round.next() {
            let taken = due.filter { visit.shards.contains($0.key) }.mapValues { min($0, visit.usersMax) }
            visited += visit.shards
            users += taken.values.reduce(0, +)
            round.visited(visit, due: taken)
        }
        return (visited, users, round.behind)
    }

    @Test("A round visits every shard once, however many users are due", arguments: [0, 1, 100_000])
    func visitsAll(_ due: Int) {
        let all = Array(0..<1_000)
        let outcome = run(SweepRound(all), due: Dictionary(uniqueKeysWithValues: all.map { ($0, due) }))
        #expect(outcome.visited == all)
    }

    @Test("A round takes no more users than its budget, whatever the number of shards", arguments: [1, 63, 64, 4_096])
    func bounded(_ shards: Int) {
        let all = Array(0..<shards)
        let outcome = run(
            SweepRound(all, usersMax: 10_000), due: Dictionary(uniqueKeysWithValues: all.map { ($0, 100_000) }))
        #expect(outcome.users <= 10_000)
        #expect(outcome.users >= min(10_000, shards * WorkerLimits.shardUsersMax) / 2)
        #expect(outcome.behind == Set(all))
    }

    @Test("What the first shards do not need the later ones get")
    func leftOver() {
        let all = Array(0..<128)
        let outcome = run(SweepRound(all, usersMax: 12_800), due: [100: 1_000])
        #expect(outcome.users > 100)
        #expect(outcome.behind == [100])
        #expect(run(SweepRound(all, usersMax: 12_800), due: [100: 99]).behind == [])
    }

    @Test("Where the budget is spent the shards left are visited all the same, for their leases and their notes")
    func spent() {
        let outcome = run(SweepRound(0..<200, usersMax: 10), due: [0: 5, 199: 5])
        #expect(outcome.visited.count == 200)
        #expect(outcome.behind.isSuperset(of: [0]))
    }
}
