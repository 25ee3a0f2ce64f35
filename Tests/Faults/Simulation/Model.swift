import PresenceCore
import PresenceStore

/// What should stand in Redis: users, and of each shard who owns its background work and which events there are. A value,
/// so that a dump of Redis is a copy of it.
struct Model {
    struct Owner: Equatable {
        var worker: String
        var fence: Fence
        var untilMs: Int
        var sweptMs: Int
    }

    /// A change committed in this course of events. Another course, after data were lost, may have one of the same id.
    struct Committed {
        var serial: Int
        var change: StatusChange
        var position: String
    }

    var users: [UserID: UserModel]
    var owners: [Shard: Owner] = [:]
    var graces: [Shard: (beganMs: Int, endsMs: Int)] = [:]
    var events: [Shard: [Committed]] = [:]
    let gapMs: Int
    let graceMs: Int

    init(_ users: [UserID], _ rules: UserModel.Rules) {
        self.users = Dictionary(uniqueKeysWithValues: users.map { ($0, UserModel($0, rules)) })
        gapMs = rules.options.outageGapMs
        graceMs = rules.options.graceMsMax
    }

    /// What has ended by now is gone for good, also should the clock be set back.
    mutating func pass(to nowMs: Int) {
        for user in users.keys { users[user]?.pass(to: nowMs) }
        graces = graces.filter { nowMs <= $0.value.endsMs }
    }

    mutating func own(_ shard: Shard, worker: String, leaseMs: Int, nowMs: Int) -> Fence? {
        let owner = owners[shard]
        let leftMs = (owner?.untilMs ?? 0) - nowMs
        let isHeld = leftMs > 0 && leftMs <= leaseMs
        guard !isHeld || owner?.worker == worker else { return nil }
        let fence = isHeld ? owner?.fence ?? 0 : max((owner?.fence ?? 0) + 1, nowMs)
        owners[shard] = Owner(
            worker: worker, fence: fence, untilMs: nowMs + leaseMs, sweptMs: owner?.sweptMs ?? nowMs)
        return fence
    }

    func isOwner(_ worker: String, _ fence: Fence, of shard: Shard) -> Bool {
        owners[shard]?.worker == worker && owners[shard]?.fence == fence
    }

    /// The owner looks after its shard.
    /// - Returns: whether grace begins; nil if it is not the owner.
    mutating func tend(
        _ shard: Shard, worker: String, fence: Fence, leaseMs: Int, renewAtMs: Int, nowMs: Int
    ) -> Bool? {
        guard isOwner(worker, fence, of: shard), let owner = owners[shard] else { return nil }
        let (unsweptMs, leftMs) = (nowMs - owner.sweptMs, owner.untilMs - nowMs)
        if unsweptMs > gapMs { graces[shard] = (nowMs, nowMs + graceMs) }
        if leftMs < renewAtMs || leftMs > leaseMs || Double(unsweptMs) >= Double(gapMs) / 5 || unsweptMs < 0 {
            owners[shard]?.untilMs = nowMs + leaseMs
            owners[shard]?.sweptMs = nowMs
        }
        return unsweptMs > gapMs
    }

    /// Whether a sweep has seen all there is to see of an outage.
    func isSwept(_ shard: Shard, nowMs: Int) -> Bool { nowMs - (owners[shard]?.sweptMs ?? 0) <= gapMs }

    func graceBeganMs(_ shard: Shard, nowMs: Int) -> Int? {
        graces[shard].flatMap { $0.beganMs > nowMs ? nil : $0.beganMs }
    }

    /// Live numbers of the shard's users, by the names they have in Redis.
    func counts(of users: [UserID]) -> [String: Int] {
        var counts: [String: Int] = [:]
        for user in users.compactMap({ self.users[$0] }) {
            if user.status != .offline { counts["users:\(user.status.rawValue)", default: 0] += 1 }
            for held in user.sessions.values {
                counts["\(held.status.rawValue):\(held.id.platform)", default: 0] += 1
            }
        }
        return counts
    }
}
