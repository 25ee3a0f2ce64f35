import PresenceCore

@testable import Feed
@testable import PresenceStore

/// Event logs of shards on masters whose clocks differ, as they would be read.
struct LogModel {
    private(set) var logs: [[OutboxEntry]]
    private var versions: [Int]
    /// What each master's clock is ahead of the true time.
    private var aheadMs: [Int]
    var nowMs = 1_000_000

    init(shards: Int, aheadMs: [Int]) {
        logs = Array(repeating: [], count: shards)
        versions = Array(repeating: 0, count: shards)
        self.aheadMs = aheadMs
    }

    func master(of shard: Shard) -> Int { shard % aheadMs.count }
    private func clock(_ shard: Shard) -> Int { nowMs + aheadMs[master(of: shard)] }

    /// A change of the one user of the shard.
    mutating func add(to shard: Shard) {
        var position = FeedPosition(ms: clock(shard))
        if let last = logs[shard].last.flatMap({ FeedPosition($0.position, of: 0) }), last.ms >= position.ms {
            position = FeedPosition(ms: last.ms, sequence: last.sequence + 1)
        }
        versions[shard] += 1
        logs[shard].append(
            OutboxEntry(
                position: "\(position.ms)-\(position.sequence)", change: Self.change("u\(shard)", versions[shard])))
    }

    /// A master's replica takes over, which has not got the last event of each log, with a clock of its own.
    mutating func failOver(_ master: Int, aheadMs: Int) {
        self.aheadMs[master] = aheadMs
        for shard in logs.indices where self.master(of: shard) == master { _ = logs[shard].popLast() }
    }

    static func change(_ user: String, _ version: Int) -> StatusChange {
        StatusChange(
            id: "\(user)x\(version)", user: try! UserID(user), version: version, previous: version - 1, atMs: version,
            action: .login, reason: .register, session: try! SessionID("Web:1:g\(version)"), status: .online,
            userStatus: .online)
    }

    /// Reads shards of one master behind these positions.
    func read(_ positions: [Shard: String], limit: Int) -> LogRead {
        let shards = positions.keys.sorted()
        let entries = shards.map { shard in
            let start = positions[shard]!
            let behind = logs[shard].filter { !StreamPosition.isBefore($0.position, start) }
            return Array(behind.prefix(limit + 1))
        }
        return LogRead(
            begun: .now, masterMs: clock(shards[0]), took: .zero, entries: ShardAnswers(shards, entries) { $0 },
            limit: limit)
    }
}
