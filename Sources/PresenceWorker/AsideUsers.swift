import DequeModule
import PresenceCore
import PresenceStore

/// The users of one shard whose events are set aside, and these events in the order of their versions. Of each user
/// only the first is tried again. Pure: the caller performs and reports.
package struct AsideUsers {
    private struct Place {
        let version: Int
        let entry: String
    }

    private struct Line {
        var places: Deque<Place> = []
        var isStarted = false
        /// Of the head.
        var failures = 0
        var refusals = 0
        var refusedSince: ContinuousClock.Instant?
        var refusedLast: ContinuousClock.Instant?

        /// Another event is the head.
        mutating func reset() {
            failures = 0
            refusals = 0
            refusedSince = nil
            refusedLast = nil
        }
    }

    /// What follows from an attempt at a user's head.
    enum Next: Equatable {
        /// The head is finished. `isMore`: the user has another.
        case finished(FinishedAside, isMore: Bool)
        case retry(failures: Int, askedMs: Int?)
    }

    private let paces: DeliveryPaces
    private var lines: [UserID: Line] = [:]
    private var users: [String: UserID] = [:]
    /// Entries in the order they came, some of them gone since.
    private var order: Deque<String> = []
    /// Entries this worker has copied and not read yet.
    private var copiedUnread: Set<String> = []
    /// How far the stream is read.
    package private(set) var lastRead = "0-0"

    init(paces: DeliveryPaces) { self.paces = paces }

    var count: Int { users.count }
    var userCount: Int { lines.count }
    func holds(_ user: UserID) -> Bool { lines[user] != nil }

    /// Takes in entries read after `lastRead`.
    /// - Returns: the users set aside newly, and entries that cannot be read.
    mutating func read(_ entries: [OutboxEntry]) -> (users: [UserID], unreadable: [String]) {
        var (users, unreadable): ([UserID], [String]) = ([], [])
        for entry in entries {
            lastRead = entry.position
            guard copiedUnread.remove(entry.position) == nil else { continue }
            guard let change = entry.change else {
                unreadable.append(entry.position)
                continue
            }
            if add(entry.position, change) { users.append(change.user) }
        }
        return (users, unreadable)
    }

    /// Takes in what this worker has copied there.
    /// - Returns: whether the user is set aside newly.
    mutating func copied(_ entry: String, _ change: StatusChange?) -> Bool {
        guard StreamPosition.isBefore(lastRead, entry) else { return false }
        copiedUnread.insert(entry)
        return change.map { add(entry, $0) } ?? false
    }

    private mutating func add(_ entry: String, _ change: StatusChange) -> Bool {
        guard users.updateValue(change.user, forKey: entry) == nil else { return false }
        order.append(entry)
        if order.count > 2 * users.count + 64 { order = order.filter { users[$0] != nil } }
        let isNew = lines[change.user] == nil
        var line = lines.removeValue(forKey: change.user) ?? Line()
        var index = line.places.endIndex
        // A replayed letter may be older than what is here; one under way cannot be overtaken any more.
        while index > (line.isStarted ? 1 : 0), line.places[index - 1].version > change.version { index -= 1 }
        if index == 0 { line.reset() }
        line.places.insert(Place(version: change.version, entry: entry), at: index)
        lines[change.user] = line
        return isNew
    }

    /// Starts the user's head.
    /// - Returns: its entry; nil if the user has none, or one under way.
    mutating func start(_ user: UserID) -> String? {
        guard let line = lines[user], !line.isStarted, let head = line.places.first else { return nil }
        lines[user]?.isStarted = true
        return head.entry
    }

    /// Takes the outcome of an attempt at the user's head; nil where it told nothing. One that is not there any more
    /// is finished like one delivered.
    mutating func finished(
        _ user: UserID, _ outcome: DeliveryOutcome?, isAccepted: (_ since: ContinuousClock.Instant) -> Bool,
        now: ContinuousClock.Instant
    ) -> Next? {
        guard lines[user]?.isStarted == true else { return nil }
        let failures = lines[user]?.failures ?? 0
        lines[user]?.isStarted = false
        switch outcome {
        case nil: return .retry(failures: failures, askedMs: nil)
        case .delivered, .unwanted: return remove(user, whyDead: nil)
        case .retry(let askedMs, _):
            lines[user]?.failures += 1
            return .retry(failures: failures + 1, askedMs: askedMs)
        case .refused(let detail):
            let refusals = countRefusal(user, isAccepted, now)
            if refusals >= paces.deadRefusals, now - (lines[user]?.refusedSince ?? now) >= paces.deadAfter,
                Plant.planted != .stuckBehindFailing
            {
                return remove(user, whyDead: detail)
            }
            return .retry(failures: failures + 1, askedMs: nil)
        }
    }

    /// Refusals that follow each other while nothing of others is accepted may be the receiver's: they count as one.
    private mutating func countRefusal(
        _ user: UserID, _ isAccepted: (ContinuousClock.Instant) -> Bool, _ now: ContinuousClock.Instant
    ) -> Int {
        lines[user]?.failures += 1
        guard let last = lines[user]?.refusedLast else {
            lines[user]?.refusals = 1
            lines[user]?.refusedSince = now
            lines[user]?.refusedLast = now
            return 1
        }
        if isAccepted(last) {
            lines[user]?.refusals += 1
            lines[user]?.refusedLast = now
        }
        return lines[user]?.refusals ?? 0
    }

    /// The user's head is finished, whatever became of it.
    mutating func remove(_ user: UserID, whyDead: String?) -> Next? {
        guard let head = lines[user]?.places.popFirst() else { return nil }
        users[head.entry] = nil
        let attempts = (lines[user]?.failures ?? 0) + (whyDead == nil ? 1 : 0)
        lines[user]?.reset()
        let isMore = lines[user]?.places.isEmpty == false
        if !isMore { lines[user] = nil }
        return .finished(FinishedAside(entry: head.entry, whyDead: whyDead, attempts: attempts), isMore: isMore)
    }

    /// Whether the user's head was set aside too long ago.
    func isTooOld(_ user: UserID, nowMs: Int) -> Bool {
        guard let head = lines[user]?.places.first, let setAsideMs = StreamPosition.milliseconds(head.entry) else {
            return false
        }
        return nowMs - setAsideMs > Int(paces.asideAgeMax.components.seconds) * 1_000
    }

    /// Takes out what is beyond the limits, of a user and of the shard, the oldest first, but not what is under way.
    mutating func removeExcess(of users: some Sequence<UserID> = []) -> [FinishedAside] {
        var excess: [FinishedAside] = []
        for user in users {
            while lines[user]?.places.count ?? 0 > StoreLimits.asidePerUserMax, let oldest = removeOldest(of: user) {
                excess.append(FinishedAside(entry: oldest, whyDead: "too many events of the user are set aside"))
            }
        }
        while count > StoreLimits.asidePerShardMax, let entry = order.popFirst() {
            guard let user = self.users[entry] else { continue }
            guard let oldest = removeOldest(of: user) else { continue }
            excess.append(FinishedAside(entry: oldest, whyDead: "too many events of the shard are set aside"))
            // The user's oldest may be another entry: this one's turn comes again.
            if oldest != entry { order.prepend(entry) }
        }
        return excess
    }

    private mutating func removeOldest(of user: UserID) -> String? {
        let index = lines[user]?.isStarted == true ? 1 : 0
        guard lines[user]?.places.count ?? 0 > index, let place = lines[user]?.places.remove(at: index) else {
            return nil
        }
        users[place.entry] = nil
        if index == 0 { lines[user]?.reset() }
        if lines[user]?.places.isEmpty == true { lines[user] = nil }
        return place.entry
    }
}
