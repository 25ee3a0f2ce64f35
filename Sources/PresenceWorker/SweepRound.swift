import PresenceStore

/// One visit to each of some shards, bounded in users over all of them: the quota of those left is what is left of the
/// round's budget, shared among them. Every shard is visited, also when the budget is spent. Pure.
struct SweepRound {
    struct Visit: Equatable {
        var shards: [Shard]
        /// The most users to take from each.
        var usersMax: Int
    }

    private var left: ArraySlice<Shard>
    private var budget: Int
    /// Shards with more users due than were taken.
    private(set) var behind: Set<Shard> = []

    init(_ shards: some Sequence<Shard>, usersMax: Int = WorkerLimits.roundUsersMax) {
        left = Array(shards)[...]
        budget = usersMax
    }

    /// The next shards to visit; nil when all were.
    mutating func next() -> Visit? {
        guard !left.isEmpty else { return nil }
        let usersMax = min(WorkerLimits.shardUsersMax, budget / left.count)
        let shards = Array(left.prefix(WorkerLimits.shardsPerCallMax))
        left = left.dropFirst(shards.count)
        budget -= usersMax * shards.count
        return Visit(shards: shards, usersMax: usersMax)
    }

    /// - Parameter due: how many users were named of each of the visit's shards.
    mutating func visited(_ visit: Visit, due: [Shard: Int]) {
        for shard in visit.shards {
            let due = due[shard] ?? 0
            budget += visit.usersMax - due
            if due >= visit.usersMax { behind.insert(shard) }
        }
    }
}
