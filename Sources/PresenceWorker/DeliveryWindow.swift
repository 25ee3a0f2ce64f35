import DequeModule
import PresenceCore
import PresenceStore

/// The deliveries of one shard's outbox: which events may start, which are done, how far the cursor may move.
///
/// Concurrent across users, one at a time and in order per user. Pure: the caller performs and reports. No step looks
/// at all events.
package struct DeliveryWindow {
    /// Names an event of this window: its place since the window was opened.
    package typealias Token = Int

    private enum State {
        case waiting
        /// An attempt is under way.
        case started
        case done
        /// Copied to the events set aside when the cursor passes it.
        case aside
    }

    private struct Item {
        let position: String
        let id: String
        /// Nil for one that cannot be read, and when it is done.
        var change: StatusChange?
        var state: State
    }

    /// The open events of one user. The head is the one that is started, or may be.
    private struct Line {
        var head: Token
        var rest: Deque<Token> = []
        var trouble: Trouble?
    }

    /// What a user's attempts have come to since the last one that did not fail.
    struct Trouble {
        /// For how long they have been failing while the receiver served is the time since then.
        var since: ContinuousClock.Instant
        /// The receiver's present spell of service, and the failures that fell into it.
        var spell: Int
        var ofSpell = 0
        /// Earlier spells in which there were any. A receiver at fault fails everybody: of each of them one failure
        /// counts, and a little time.
        var earlier = 0

        var failures: Int { earlier + ofSpell }
    }

    /// In stream order, from the first that is not acknowledged.
    private var items: Deque<Item> = []
    private var first: Token = 0
    /// How many items at the front are done or aside.
    private var settled = 0
    private var lines: [UserID: Line] = [:]
    /// How many items of a user are set aside here.
    private var asides: [UserID: Int] = [:]
    /// Attempts that failed at events here; none of those whose first attempt did not.
    private var failures: [Token: Int] = [:]
    /// Heads never started, and some that are stale.
    private var fresh: Deque<Token> = []
    /// Events that are neither done nor set aside.
    private(set) var openCount = 0
    /// The last event acknowledged, and the newest taken in. Their ids are empty where they are not known.
    private(set) var cursor: (position: String, id: String)
    package private(set) var last: (position: String, id: String)

    /// Whether `last` was there when it was read: it proves that what is read behind it belongs behind it.
    private(set) var isLastThere: Bool

    /// - Parameter isThere: whether the event at the cursor is in the stream.
    init(cursor: OutboxEntry, isThere: Bool) {
        self.cursor = (cursor.position, cursor.id)
        last = self.cursor
        isLastThere = isThere
    }

    var count: Int { items.count }
    /// Where the first event stands that is not acknowledged.
    var oldest: String? { items.first?.position }
    var hasFresh: Bool { !fresh.isEmpty }
    func holdsAside(_ user: UserID) -> Bool { asides[user] != nil }

    /// Whether an attempt at an event of the user is under way.
    func hasStarted(_ user: UserID) -> Bool {
        lines[user].map { items[$0.head - first].state == .started } ?? false
    }

    /// Takes in events read after `last`. Those of users set aside, and those that cannot be read, are set aside.
    mutating func append(_ entries: some Collection<OutboxEntry>, isAside: (UserID) -> Bool) {
        for entry in entries {
            let token = first + items.count
            var state = State.waiting
            if let user = entry.change?.user {
                if asides[user] != nil || isAside(user) {
                    asides[user, default: 0] += 1
                    state = .aside
                } else if lines[user]?.rest.append(token) == nil {
                    lines[user] = Line(head: token)
                    fresh.append(token)
                }
            } else {
                state = .aside
            }
            if state == .waiting { openCount += 1 }
            items.append(Item(position: entry.position, id: entry.id, change: entry.change, state: state))
            last = (entry.position, entry.id)
            isLastThere = true
        }
    }

    /// Starts the next head that was never started.
    mutating func startFresh() -> (token: Token, change: StatusChange)? {
        while let token = fresh.popFirst() {
            if let change = start(token) { return (token, change) }
        }
        return nil
    }

    /// Starts this event; nil if it is not to be started (any more).
    mutating func start(_ token: Token) -> StatusChange? {
        let index = token - first
        guard items.indices.contains(index), items[index].state == .waiting, let change = items[index].change,
            lines[change.user]?.head == token
        else { return nil }
        items[index].state = .started
        return change
    }

    /// A started event needs no further attempt.
    mutating func done(_ token: Token, of user: UserID) {
        items[token - first].state = .done
        items[token - first].change = nil
        openCount -= 1
        guard let next = lines[user]?.rest.popFirst() else {
            lines[user] = nil
            return
        }
        lines[user]?.head = next
        lines[user]?.trouble = nil
        fresh.append(next)
    }

    /// An attempt at a started event failed; it waits.
    mutating func failed(_ token: Token) {
        failures[token, default: 0] += 1
        notMade(token)
    }

    /// An attempt at a started event was not made; it waits.
    mutating func notMade(_ token: Token) { items[token - first].state = .waiting }

    /// Counts a failure of the user's head.
    mutating func count(failureOf user: UserID, spell: Int, now: ContinuousClock.Instant) -> Trouble {
        var trouble = lines[user]?.trouble ?? Trouble(since: now, spell: spell)
        if trouble.spell != spell {
            trouble.earlier += 1
            trouble.since = now - DeliveryPaces.ofSpell * trouble.earlier
            (trouble.spell, trouble.ofSpell) = (spell, 0)
        }
        trouble.ofSpell += 1
        lines[user]?.trouble = trouble
        return trouble
    }

    /// Sets the user's events aside that wait. One under way stays open until its attempt ends.
    mutating func setAside(_ user: UserID) {
        guard let line = lines.removeValue(forKey: user) else { return }
        var marked = 0
        for token in CollectionOfOne(line.head) + line.rest where items[token - first].state == .waiting {
            items[token - first].state = .aside
            marked += 1
        }
        openCount -= marked
        if marked > 0 { asides[user, default: 0] += marked }
        if items[line.head - first].state == .started { lines[user] = Line(head: line.head) }
    }

    /// Whether the first event is done or set aside.
    var isFrontSettled: Bool {
        settled > 0 || items.first.map { $0.state == .done || $0.state == .aside } ?? false
    }

    /// The events at the front that are done or set aside, as far as one acknowledgement takes them; nil if there are
    /// none.
    mutating func front(fence: Fence) -> DoneEvents? {
        while settled < items.count, items[settled].state == .done || items[settled].state == .aside { settled += 1 }
        guard settled > 0 else { return nil }
        var count = 0
        var aside: [String] = []
        var attempts: [String: Int] = [:]
        while count < min(settled, WorkerLimits.acknowledgedEventsMax), aside.count < WorkerLimits.acknowledgedAsideMax
        {
            let item = items[count]
            if item.state == .aside { aside.append(item.position) }
            if !failures.isEmpty, let failed = failures[first + count] {
                attempts[item.position] = item.state == .aside ? failed : failed + 1
            }
            count += 1
        }
        return DoneEvents(
            fence: fence, after: cursor.position, position: items[count - 1].position, id: items[count - 1].id,
            count: count, aside: aside, attempts: attempts)
    }

    /// The first so many events were acknowledged: forgets them.
    /// - Returns: the changes of those that were set aside, in their order; nil for those that cannot be read.
    mutating func acknowledged(count: Int) -> [StatusChange?] {
        guard count > 0, count <= items.count else { return [] }
        cursor = (items[count - 1].position, items[count - 1].id)
        var aside: [StatusChange?] = []
        for item in items.prefix(count) where item.state == .aside {
            aside.append(item.change)
            guard let user = item.change?.user, let left = asides[user] else { continue }
            asides[user] = left > 1 ? left - 1 : nil
        }
        if !failures.isEmpty { for token in first..<(first + count) { failures[token] = nil } }
        items.removeFirst(count)
        first += count
        settled -= count
        return aside
    }
}
