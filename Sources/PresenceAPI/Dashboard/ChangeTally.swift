import JSON
import PresenceCore
import PresenceStore

/// Which changes somebody wants to see.
struct ChangeFilter: Sendable, Hashable {
    /// nil for all.
    var platform: String?
    var reason: Reason?

    fileprivate func takes(_ kind: ChangeTally.Kind) -> Bool {
        (platform ?? kind.platform) == kind.platform && (reason ?? kind.reason) == kind.reason
    }
}

/// Changes as people watch them: all are counted, the latest few of each kind are kept, and of those it is found out
/// when they are delivered. Bounded, however many there are.
struct ChangeTally: Sendable {
    struct Kind: Sendable, Hashable {
        let platform: String
        let reason: Reason
    }

    struct Row: Sendable {
        /// Grows with every change heard.
        let number: Int
        let change: StatusChange
        let shard: Shard
        let position: String
    }

    /// What was heard since the look before.
    struct Heard: Sendable {
        fileprivate(set) var counts: [Reason: Int] = [:]
        fileprivate(set) var kinds: [Kind: (count: Int, rows: [Row])] = [:]

        /// The latest of those wanted, in their order, and how many more there are.
        func rows(_ filter: ChangeFilter) -> (rows: [Row], more: Int) {
            let wanted = kinds.filter { filter.takes($0.key) }.values
            let rows = wanted.flatMap(\.rows).sorted { $0.number < $1.number }.suffix(ChangeTally.rowsMax)
            return (Array(rows), wanted.reduce(0) { $0 + $1.count } - rows.count)
        }
    }

    /// Rows that are told at once, of all kinds or of one.
    static let rowsMax = 10
    /// Platforms come from records, which may name any.
    static let kindsMax = 200
    /// Rows whose delivery is waited for.
    static let waitingMax = 1_000

    private var heard = Heard()
    private var waiting: [Row] = []
    private var lastNumber = 0

    mutating func add(_ change: StatusChange, shard: Shard, position: String) {
        heard.counts[change.reason, default: 0] += 1
        let kind = Kind(platform: change.session.platform.name, reason: change.reason)
        guard heard.kinds[kind] != nil || heard.kinds.count < Self.kindsMax else { return }
        lastNumber += 1
        let row = Row(number: lastNumber, change: change, shard: shard, position: position)
        heard.kinds[kind, default: (0, [])].count += 1
        heard.kinds[kind]?.rows.append(row)
        if heard.kinds[kind]?.rows.count ?? 0 > Self.rowsMax { heard.kinds[kind]?.rows.removeFirst() }
    }

    /// What was heard since this was asked last.
    mutating func take() -> Heard {
        waiting += heard.kinds.values.flatMap(\.rows)
        if waiting.count > Self.waitingMax { waiting.removeFirst(waiting.count - Self.waitingMax) }
        defer { heard = Heard() }
        return heard
    }

    /// Numbers of the rows whose events are done by now. Where events are set aside an event that is done may be one of
    /// those.
    /// - Parameter cursors: positions of the last event that is done, of the shards that could be asked.
    mutating func done(by cursors: [Shard: String]) -> [Int] {
        var done: [Int] = []
        waiting.removeAll { row in
            guard let cursor = cursors[row.shard], !StreamPosition.isBefore(cursor, row.position) else { return false }
            done.append(row.number)
            return true
        }
        return done.sorted()
    }
}

extension ChangeTally.Row: JSONWritable {
    func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("number", number)
            json.member("id", change.id)
            json.member("at", change.atMs)
            json.member("user", change.user.rawValue)
            json.member("action", change.action.rawValue)
            json.member("reason", change.reason.rawValue)
            json.member("platform", change.session.platform.name)
            json.member("instance", change.session.instance.rawValue)
            json.member("status", change.status.rawValue)
            json.member("userStatus", change.userStatus.rawValue)
        }
    }
}
