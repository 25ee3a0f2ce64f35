import PresenceCore
import PresenceStore
import Support
import Testing

@testable import Feed

@Suite("Reading the logs of all shards")
struct LogReaderTests {
    private static let shards = 6
    private static let retentionMs = 1_000_000

    /// Reads shards of a master as a worker would.
    private func read(
        _ reader: inout LogReader, _ shards: Set<Shard>, of model: LogModel, limit: Int = 100
    ) -> LogReader.Round {
        reader.take(model.read(reader.tails.positions(of: shards), limit: limit))
    }

    private func reader(at cursor: FeedCursor) -> LogReader {
        LogReader(shards: Self.shards, start: cursor, retentionMs: Self.retentionMs, now: .now)
    }

    @Test("Whatever the clocks of the masters differ by, who goes on from any cursor misses nothing", arguments: 0..<40)
    func clocksDiffer(_ seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        var model = LogModel(
            shards: Self.shards, aheadMs: [0, Int.random(in: -30_000...30_000, using: &random), 700])
        let start = FeedCursor(FeedPosition(ms: model.nowMs - 60_000), dataID: "a")
        var cursor = start
        var reader = reader(at: start)
        var told: [FeedChange] = []
        for _ in 0..<400 {
            model.nowMs += Int.random(in: 0..<20, using: &random)
            for _ in 0..<Int.random(in: 0..<3, using: &random) { model.add(to: Int.random(in: 0..<6, using: &random)) }
            let master = Int.random(in: 0..<3, using: &random)
            let shards = Set((0..<6).filter { model.master(of: $0) == master })
            let part = Bool.random(using: &random) ? shards : [shards.randomElement(using: &random) ?? 0]
            let limit = Int.random(in: 1..<4, using: &random)
            // Only a part of them may come through before the connection breaks.
            let changes = read(&reader, part, of: model, limit: limit).changes
            let isCut = Int.random(in: 0..<20, using: &random) == 0
            let heard = isCut ? changes.prefix(Int.random(in: 0...changes.count, using: &random)) : changes[...]
            told += heard
            if let last = heard.last { cursor = last.cursor } else if !isCut { cursor = reader.cursor }
            if isCut { reader = self.reader(at: cursor) }
        }
        for _ in 0..<2_000 {
            for master in 0..<3 {
                let shards = Set((0..<6).filter { model.master(of: $0) == master })
                told += read(&reader, shards, of: model).changes
            }
            if reader.cursor == cursor { break }
            cursor = reader.cursor
        }
        var seen: Set<String> = []
        let first = told.filter { seen.insert($0.change.id).inserted }
        for shard in 0..<6 {
            let versions = first.filter { $0.change.user.rawValue == "u\(shard)" }.map(\.change.version)
            #expect(versions == Array(1...max(1, model.logs[shard].count)).prefix(model.logs[shard].count).map { $0 })
        }
    }

    @Test("A cursor stays behind the slowest master's clock, and behind a shard that cannot be read")
    func watermark() {
        var model = LogModel(shards: Self.shards, aheadMs: [0, -5_000, 9_000])
        let start = FeedCursor(FeedPosition(ms: model.nowMs - 60_000), dataID: "a")
        var reader = reader(at: start)
        for shard in 0..<6 { model.add(to: shard) }
        _ = read(&reader, [0, 3], of: model)
        #expect(reader.cursor == start)
        _ = read(&reader, [1, 4], of: model)
        let round = read(&reader, [2, 5], of: model)
        #expect(reader.cursor.position.ms == model.nowMs - 5_000 - FeedLimits.overlapMs)
        #expect(round.changes.allSatisfy { $0.cursor <= reader.cursor })
    }

    @Test("Of a master that could not be asked when following began all since then is told, however slow its clock is")
    func masterAway() {
        var model = LogModel(shards: Self.shards, aheadMs: [0, -60_000])
        let begun = ContinuousClock.now
        let start = FeedCursor(FeedPosition(ms: model.nowMs - FeedLimits.overlapMs), dataID: "a")
        var reader = LogReader(shards: Self.shards, start: start, retentionMs: Self.retentionMs, now: begun)
        model.add(to: 1)
        model.nowMs += 10_000
        let positions = reader.positions(
            of: [1, 3, 5], masterMs: model.nowMs - 60_000, now: begun + .milliseconds(10_000))
        #expect(reader.take(model.read(positions, limit: 100)).changes.map(\.change.id) == ["u1x1"])
    }

    @Test("Where a promoted replica has lost the end of a log, and its clock is behind, nothing that comes is missed")
    func failover() {
        var model = LogModel(shards: Self.shards, aheadMs: [0, 4_000])
        var reader = reader(at: FeedCursor(FeedPosition(ms: model.nowMs - 60_000), dataID: "a"))
        model.add(to: 1)
        #expect(read(&reader, [1, 3, 5], of: model).changes.map(\.change.version) == [1])
        model.failOver(1, aheadMs: 0)
        model.nowMs += 10
        for _ in 0..<2 { model.add(to: 1) }
        // What is there is before the place that was read to: noticed by the first read, told by the second.
        let told = (0..<2).flatMap { _ in read(&reader, [1, 3, 5], of: model).changes }
        #expect(told.map(\.change.version) == [2, 3])
    }

    @Test("Of a shard that is not read to its end the cursor stays at the last that was")
    func behind() {
        var model = LogModel(shards: Self.shards, aheadMs: [0])
        var reader = reader(at: FeedCursor(FeedPosition(ms: 0), dataID: "a"))
        for _ in 0..<5 { model.add(to: 2) }
        model.nowMs += 60_000
        let round = read(&reader, Set(0..<6), of: model, limit: 2)
        #expect(round.behind == [2] && round.changes.map(\.change.version) == [1, 2, 3])
        #expect(reader.cursor.position == FeedPosition(model.logs[2][2].position, of: 2))
        #expect(read(&reader, [2], of: model, limit: 100).changes.map(\.change.version) == [4, 5])
        #expect(reader.cursor.position.ms == model.nowMs - FeedLimits.overlapMs)
    }

    @Test(
        "Changes may be missing only where a shard was read up to a place older than the retention, and its end is gone"
    )
    func missed() {
        var model = LogModel(shards: Self.shards, aheadMs: [0])
        var reader = reader(at: FeedCursor(FeedPosition(ms: model.nowMs), dataID: "a"))
        #expect(read(&reader, Set(0..<6), of: model).missed.isEmpty)
        model.nowMs += Self.retentionMs / 2
        model.add(to: 1)
        #expect(read(&reader, Set(0..<6), of: model).missed.isEmpty)
        model.nowMs += Self.retentionMs * 2
        model.add(to: 1)
        // The last event read is there still.
        #expect(read(&reader, [1], of: model).missed.isEmpty)
        model.add(to: 2)
        #expect(read(&reader, [2], of: model).missed == [2])
    }
}

extension FeedCursor {
    fileprivate static func <= (one: Self, other: Self) -> Bool { one.position <= other.position }
}
