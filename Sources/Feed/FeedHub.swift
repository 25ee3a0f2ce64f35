import NIOCore
import PresenceCore
import PresenceStore
import Synchronization
import Telemetry

/// Who follows, and who of them is to be told of a change: that costs those who are told, and no others.
final class FeedHub: Sendable {
    typealias Instant = ContinuousClock.Instant

    fileprivate struct State {
        var all: [Int: FeedListener] = [:]
        var ofUsers: [Int: FeedListener] = [:]
        /// Parts of this process that hear all.
        var watchers: [Int: @Sendable ([FeedChange]) -> Void] = [:]
        var byUser: [UserID: Followers] = [:]
        var nextNumber = 0
        var isStopped = false
        var emptySince: Instant?
        /// Those who are not told some changes, since when.
        var floored: [Int: (listener: FeedListener, since: Instant)] = [:]
    }

    /// Most users have one who follows them.
    fileprivate enum Followers {
        case one(FeedListener)
        case many(Crowd)
    }

    /// Changed in place, however many they are.
    fileprivate final class Crowd {
        var listeners: [Int: FeedListener]

        init(_ listeners: [FeedListener]) {
            self.listeners = Dictionary(listeners.map { ($0.number, $0) }) { $1 }
        }
    }

    private let state = Mutex(State())
    private let frames: FeedFrames
    private let streamsMax: Int
    private let figures: FeedFigures
    let pending = PendingBytes()

    init(frames: FeedFrames, streamsMax: Int, figures: FeedFigures) {
        self.frames = frames
        self.streamsMax = streamsMax
        self.figures = figures
    }

    /// Those who follow all, and those who follow users.
    var counts: (all: Int, ofUsers: Int) { state.withLock { ($0.all.count, $0.ofUsers.count) } }

    /// Whether nobody has followed for so long.
    func isEmpty(for time: Duration, now: Instant) -> Bool {
        state.withLock { state in
            guard state.all.isEmpty, state.ofUsers.isEmpty, state.watchers.isEmpty else { return false }
            guard let since = state.emptySince else {
                state.emptySince = now
                return false
            }
            return now - since >= time
        }
    }

    /// - Parameters:
    ///   - users: nil for one who follows all.
    ///   - isBehind: it reads what was before, and is told nothing until it is opened.
    /// - Throws: `StoreError` where there are as many as there may be, as much waits as may, or the worker stops.
    func join(_ users: [UserID]?, isBehind: Bool = false, now: Instant = .now) throws(StoreError) -> FeedListener {
        let listener = state.withLock { state -> FeedListener? in
            guard !state.isStopped, state.all.count + state.ofUsers.count < streamsMax,
                users == nil || !pending.isFull
            else { return nil }
            let listener = FeedListener(
                users: users, isBehind: isBehind, number: state.nextNumber, total: pending, now: now)
            state.nextNumber += 1
            state.emptySince = nil
            guard let users else {
                state.all[listener.number] = listener
                return listener
            }
            state.ofUsers[listener.number] = listener
            for user in users { state.add(listener, of: user) }
            return listener
        }
        guard let listener else {
            throw StoreError(
                .overloaded,
                "This worker has as many streams, or as much that waits for them, as it may, or stops: try again, or "
                    + "another one.")
        }
        return listener
    }

    /// - Returns: what `unwatch` takes.
    func watch(_ heard: @escaping @Sendable ([FeedChange]) -> Void) -> Int {
        state.withLock { state in
            state.nextNumber += 1
            state.emptySince = nil
            state.watchers[state.nextNumber - 1] = heard
            return state.nextNumber - 1
        }
    }

    func unwatch(_ number: Int) { state.withLock { $0.watchers[number] = nil } }

    /// Whoever read is gone.
    func left(_ listener: FeedListener) {
        state.withLock { $0.remove(listener) }
        if let reason = listener.left(now: .now) { figures.ended.count(reason) }
    }

    private func end(_ listeners: [FeedListener], _ reason: FeedEnd) {
        let last = frames.end(reason)
        for listener in listeners {
            state.withLock { $0.remove(listener) }
            if listener.end(reason, last: last) { figures.ended.count(reason) }
        }
    }

    func end(_ listener: FeedListener, _ reason: FeedEnd) { end([listener], reason) }

    /// Ends all.
    func endAll(_ reason: FeedEnd) {
        let listeners = state.withLock { state in Array(state.all.values) + Array(state.ofUsers.values) }
        end(listeners, reason)
    }

    /// Ends all, and lets nobody join.
    func stop() {
        state.withLock { $0.isStopped = true }
        endAll(.stopping)
    }
}

// What is told.
extension FeedHub {
    /// Tells changes in their order to those concerned.
    func tell(_ changes: [FeedChange], now: Instant) {
        guard !changes.isEmpty else { return }
        let (all, told, watchers) = state.withLock { state in
            let told =
                state.ofUsers.isEmpty ? [] : changes.map { state.byUser[$0.change.user].map(\.listeners) ?? [] }
            return (Array(state.all.values), told, Array(state.watchers.values))
        }
        for heard in watchers { heard(changes) }
        var parts: [Int: ByteBuffer] = [:]
        func part(_ index: Int) -> ByteBuffer {
            if let part = parts[index] { return part }
            let part = frames.change(changes[index])
            parts[index] = part
            return part
        }
        var slow: [FeedListener] = []
        for (index, listeners) in told.enumerated() {
            for listener in listeners {
                if !listener.tell(changes[index].change, part(index), now: now) { slow.append(listener) }
            }
            figures.sent.count(listeners.count)
        }
        if !all.isEmpty {
            let batches = Self.joined(changes.indices.map(part))
            for listener in all where !batches.allSatisfy({ listener.tell($0, now: now) }) { slow.append(listener) }
            figures.sent.count(changes.count * all.count)
        }
        if !slow.isEmpty { end(slow, .tooSlow) }
    }

    /// In larger parts, which all share.
    private static func joined(_ parts: [ByteBuffer]) -> [ByteBuffer] {
        var joined: [ByteBuffer] = []
        for part in parts {
            if let last = joined.indices.last,
                joined[last].readableBytes + part.readableBytes <= FeedLimits.partBytesMax
            {
                joined[last].writeImmutableBuffer(part)
            } else {
                joined.append(part)
            }
        }
        return joined
    }

    /// A sign of life for those of this second's share who have heard nothing for as long as that takes.
    func beat(second: Int, cursor: FeedCursor?, now: Instant) {
        let quiet = now - .seconds(FeedLimits.heartbeatSeconds - 1)
        let (all, ofUsers) = state.withLock { state in
            (state.all.values.filter { Self.isDue($0, second) }, state.ofUsers.values.filter { Self.isDue($0, second) })
        }
        let place = cursor.map(frames.cursor) ?? frames.heartbeat
        for (listeners, part) in [(all, place), (ofUsers, frames.heartbeat)] {
            for listener in listeners where listener.isQuiet(since: quiet) {
                if !listener.tell(part, now: now) { end([listener], .tooSlow) }
            }
        }
    }

    private static func isDue(_ listener: FeedListener, _ second: Int) -> Bool {
        listener.number % FeedLimits.heartbeatSeconds == second % FeedLimits.heartbeatSeconds
    }

    /// Changes up to these versions need not be told: they are in what it was told already.
    func begin(_ listener: FeedListener, behind floors: [UserID: Int], now: Instant = .now) {
        listener.begin(behind: floors)
        state.withLock { if $0.ofUsers[listener.number] != nil { $0.floored[listener.number] = (listener, now) } }
    }

    /// Every shard was read since then: what was committed before has been told, or left out.
    func forgetFloors(before instant: Instant) {
        let done = state.withLock { state in
            let done = state.floored.filter { $0.value.since < instant }
            for number in done.keys { state.floored[number] = nil }
            return done.values.map(\.listener)
        }
        for listener in done { listener.forgetFloors() }
    }
}

extension FeedHub.State {
    fileprivate mutating func add(_ listener: FeedListener, of user: UserID) {
        switch byUser[user] {
        case nil: byUser[user] = .one(listener)
        case .one(let other): byUser[user] = other === listener ? .one(other) : .many(.init([other, listener]))
        case .many(let others): others.listeners[listener.number] = listener
        }
    }

    fileprivate mutating func remove(_ listener: FeedListener) {
        guard let users = listener.users else {
            all[listener.number] = nil
            return
        }
        guard ofUsers.removeValue(forKey: listener.number) != nil else { return }
        floored[listener.number] = nil
        for user in users { byUser[user] = byUser[user]?.without(listener) }
    }
}

extension FeedHub.Followers {
    fileprivate var listeners: [FeedListener] {
        switch self {
        case .one(let listener): [listener]
        case .many(let crowd): Array(crowd.listeners.values)
        }
    }

    fileprivate func without(_ listener: FeedListener) -> Self? {
        switch self {
        case .one(let other): return other === listener ? nil : self
        case .many(let crowd):
            crowd.listeners[listener.number] = nil
            return crowd.listeners.isEmpty ? nil : self
        }
    }
}
