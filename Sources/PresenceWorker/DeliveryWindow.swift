import PresenceCore
import PresenceStore

/// The deliveries of one shard: which events may start, which are done, how far the cursor may move.
///
/// Concurrent across users, one at a time and in order per user. Pure: the caller performs and reports.
struct DeliveryWindow {
    private enum State {
        case waiting
        /// An attempt is under way, or its next one is waited for.
        case started(attempts: Int, refusals: Int)
        case done
        case refused(why: String)

        var isSettled: Bool {
            switch self {
            case .done, .refused: true
            case .waiting, .started: false
            }
        }
    }

    private struct Item {
        let position: String
        let change: StatusChange?
        var state: State
    }

    /// What follows from the outcome of an attempt.
    enum Next: Equatable {
        /// The event is settled; the user's next one may start and the cursor may move.
        case settled
        /// `leastMs`: the shortest pause before the next attempt.
        case retry(attempt: Int, leastMs: Int)
    }

    /// In stream order. The settled ones at the front are those to acknowledge.
    private var items: [Item] = []
    /// The position of the newest event taken in: where reading goes on.
    private(set) var lastPosition: String
    /// The position of the last event acknowledged.
    private(set) var cursor: String
    let fence: Fence
    /// Tells this window from an earlier one of the same shard, whose attempts may still end.
    let serial: Int

    init(fence: Fence, serial: Int, cursor: String) {
        self.fence = fence
        self.serial = serial
        lastPosition = cursor
        self.cursor = cursor
    }

    /// How many more events fit: at most `windowUsersMax` users with an unsettled event, and `windowEventsMax` events in
    /// all. Further events of a user who has one take no place among the users: one that fails for long does not hold
    /// up other users soon.
    var room: Int {
        var busy: Set<UserID> = []
        for item in items where !item.state.isSettled {
            if let user = item.change?.user { busy.insert(user) }
        }
        return min(WorkerLimits.windowUsersMax - busy.count, WorkerLimits.windowEventsMax - items.count)
    }

    /// Takes in events read after `lastPosition`. An entry this version cannot read is refused, so that it is
    /// seen among the dead letters and does not hold up the others.
    mutating func append(_ entries: [OutboxEntry]) {
        for entry in entries {
            let state: State = entry.change == nil ? .refused(why: "unreadable entry") : .waiting
            items.append(Item(position: entry.position, change: entry.change, state: state))
            lastPosition = entry.position
        }
    }

    /// Starts the first open event of every user who has none started.
    mutating func start() -> [OutboxEntry] {
        var busy: Set<UserID> = []
        var started: [OutboxEntry] = []
        for index in items.indices {
            guard let change = items[index].change, !items[index].state.isSettled,
                busy.insert(change.user).inserted
            else { continue }
            guard case .waiting = items[index].state else { continue }
            items[index].state = .started(attempts: 0, refusals: 0)
            started.append(OutboxEntry(position: items[index].position, change: change))
        }
        return started
    }

    /// Settles every open event without an attempt: nobody is to be told.
    mutating func settleAll() {
        for index in items.indices where !items[index].state.isSettled { items[index].state = .done }
    }

    /// Takes the outcome of an attempt at a started event; nil if the window does not hold it any more.
    mutating func finished(_ position: String, _ outcome: DeliveryOutcome) -> Next? {
        guard let index = items.firstIndex(where: { $0.position == position }),
            case .started(let attempts, let refusals) = items[index].state
        else { return nil }
        switch outcome {
        case .delivered:
            items[index].state = .done
            return .settled
        case .refused(let why) where refusals + 1 >= WorkerLimits.refusalsMax:
            items[index].state = .refused(why: why)
            return .settled
        case .refused:
            items[index].state = .started(attempts: attempts + 1, refusals: refusals + 1)
            return .retry(attempt: attempts + 1, leastMs: WorkerLimits.refusedPauseMs)
        case .retry(let askedMs, _):
            items[index].state = .started(attempts: attempts + 1, refusals: refusals)
            return .retry(attempt: attempts + 1, leastMs: askedMs ?? 0)
        }
    }

    /// The settled events at the front; nil if there are none.
    var acknowledgeable: (upTo: String, count: Int, refused: [RefusedEntry])? {
        let prefix = items.prefix { $0.state.isSettled }
        guard let last = prefix.last else { return nil }
        let refused = prefix.compactMap { item in
            guard case .refused(let why) = item.state else { return nil as RefusedEntry? }
            return RefusedEntry(position: item.position, why: why)
        }
        return (last.position, prefix.count, refused)
    }

    /// The front was acknowledged: forget it.
    mutating func acknowledged(count: Int) {
        cursor = items[count - 1].position
        items.removeFirst(count)
    }
}
