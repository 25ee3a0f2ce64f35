import DequeModule
import NIOCore
import PresenceCore
import PresenceStore

/// A session whose socket is closed, which Redis is to be told.
struct SessionEnd: Equatable {
    var user: UserID
    var session: SessionID
    var link: Link
    /// From then on Redis has settled the session without it.
    var deadline: NIODeadline
}

/// The ends that a Redis server could not be told of. As long as there are any of a shard it is not to be asked by each
/// of them: one of them tries after a pause, and the others wait for its outcome.
struct UnrecordedEnds {
    /// Also of shards none of whose ends wait: one of them is on its way.
    private var waiting: [Shard: Deque<SessionEnd>] = [:]
    /// The shards, in the order in which they try.
    private var turns: Deque<Shard> = []
    private var count = 0
    private let countMax: Int

    init(countMax: Int = GatewayLimits.unrecordedPerLaneMax) {
        self.countMax = countMax
    }

    /// Whether Redis did not answer for the shard the last time.
    func isOutage(_ shard: Shard) -> Bool { waiting[shard] != nil }

    var isOutage: Bool { !waiting.isEmpty }

    /// Redis does not answer for the shard. Beyond the limit the oldest of a shard are left to their leases.
    mutating func keep(_ end: SessionEnd, of shard: Shard) {
        if waiting[shard] == nil {
            waiting[shard] = []
            turns.append(shard)
        }
        if count == countMax, let shard = turns.first(where: { waiting[$0]?.isEmpty == false }) {
            waiting[shard]?.removeFirst()
            count -= 1
        }
        waiting[shard]?.append(end)
        count += 1
    }

    /// The one that tries, of each shard in turn; nil if none is left to be told, and the next one is to find out.
    mutating func probe(now: NIODeadline) -> SessionEnd? {
        while let shard = turns.popFirst() {
            while let end = waiting[shard]?.popFirst() {
                count -= 1
                guard now < end.deadline else { continue }
                turns.append(shard)
                return end
            }
            waiting[shard] = nil
        }
        return nil
    }

    /// The same of all shards.
    mutating func takeAll() -> [SessionEnd] {
        Array(waiting.keys).flatMap { takeAll(of: $0) }
    }

    /// Redis answers for the shard: all that waited are to be told.
    mutating func takeAll(of shard: Shard) -> Deque<SessionEnd> {
        guard let ends = waiting.removeValue(forKey: shard) else { return [] }
        turns.removeAll { $0 == shard }
        count -= ends.count
        return ends
    }
}
