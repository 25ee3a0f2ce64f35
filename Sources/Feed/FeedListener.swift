import DequeModule
import NIOCore
import PresenceCore
import Synchronization

/// One who follows: what waits until it is taken. Bounded: from a limit on it is ended, and all that waits is dropped.
final class FeedListener: Sendable {
    typealias Instant = ContinuousClock.Instant

    struct State {
        var parts: Deque<ByteBuffer> = []
        var bytes = 0
        /// What is being written to it that never waited here: a snapshot, or what it catches up with.
        var writingBytes = 0
        /// Since when.
        var writingSince: Instant?
        /// Since when something waits that nobody has taken.
        var pendingSince: Instant?
        var end: FeedEnd?
        /// It has taken all there will be.
        var isDone = false
        var waiting: CheckedContinuation<Void, Never>?
        /// Changes that wait, counted among the bytes, until it is known what need not be told; nil once it is.
        var held: [(user: UserID, version: Int, part: ByteBuffer)]?
        /// By user, the version whose change and those before need not be told; nil once no such change can come.
        var floors: [UserID: Int]?
        var heardAt: Instant
        /// Reads what was before still: what comes now is read by itself.
        var isBehind: Bool
    }

    /// nil for one who follows all changes.
    let users: [UserID]?
    /// Tells it from others in the order in which they are looked after.
    let number: Int
    private let bytesMax: Int
    private let state: Mutex<State>
    private let total: PendingBytes

    init(users: [UserID]?, isBehind: Bool, number: Int, total: PendingBytes, now: Instant) {
        self.users = users
        self.number = number
        self.total = total
        bytesMax = users == nil ? FeedLimits.pendingBytesMax : FeedLimits.pendingBytesOfUsersMax
        state = Mutex(State(held: users.map { _ in [] }, heardAt: now, isBehind: isBehind))
    }

    deinit {
        count(-state.withLock(\.bytes))
        writes(0)
    }

    /// So much of what never waited here is being written to it from now on.
    func writes(_ bytes: Int, now: Instant = .now) {
        let more = state.withLock { state in
            defer { (state.writingBytes, state.writingSince) = (bytes, bytes > 0 ? now : nil) }
            return bytes - state.writingBytes
        }
        total.add(more)
    }

    /// Of those who follow all what waits is the same bytes.
    private func count(_ bytes: Int) { if users != nil { total.add(bytes) } }
}

/// Bytes that wait for all who follow users, and those being written to whoever catches up.
final class PendingBytes: Sendable {
    private let bytes = Atomic(0)

    var count: Int { bytes.load(ordering: .relaxed) }

    var isFull: Bool { count > FeedLimits.pendingBytesTotalMax }

    func add(_ more: Int) { bytes.wrappingAdd(more, ordering: .relaxed) }
}

// What is told.
extension FeedListener {
    /// - Returns: false if that is too much: it is to be ended.
    func tell(_ part: ByteBuffer, now: Instant) -> Bool {
        update { state in
            guard state.end == nil, !state.isBehind else { return true }
            guard hasRoom(for: part, in: state) else { return false }
            state.append(part, now: now)
            return true
        }
    }

    /// The same of a change, unless it is in what was told already.
    func tell(_ change: StatusChange, _ part: @autoclosure () -> ByteBuffer, now: Instant) -> Bool {
        update { state in
            if let floor = state.floors?[change.user], change.version <= floor { return true }
            guard state.end == nil else { return true }
            let part = part()
            guard hasRoom(for: part, in: state) else { return false }
            if state.held == nil {
                state.append(part, now: now)
            } else {
                state.held?.append((change.user, change.version, part))
                state.bytes += part.readableBytes
            }
            return true
        }
    }

    /// From now on changes up to these versions are not told. Those that came meanwhile are told first.
    func begin(behind floors: [UserID: Int]) {
        _ = update { state in
            let held = state.held ?? []
            (state.held, state.floors) = (nil, floors)
            for change in held {
                state.bytes -= change.part.readableBytes
                guard state.end == nil, change.version > floors[change.user] ?? 0 else { continue }
                state.append(change.part, now: .now)
            }
            return true
        }
    }

    private func hasRoom(for part: ByteBuffer, in state: State) -> Bool {
        let bytes = state.bytes + part.readableBytes
        let isShort = users != nil && bytes > FeedLimits.pendingBytesLittle
        return bytes <= bytesMax && state.parts.count + (state.held?.count ?? 0) < FeedLimits.pendingPartsMax
            && (!isShort || !total.isFull)
    }

    /// One step: nothing of another comes between.
    private func update(_ step: (inout State) -> Bool) -> Bool {
        let (isRoom, more, waiting) = state.withLock { state in
            let before = state.bytes
            let isRoom = step(&state)
            return (isRoom, state.bytes - before, state.parts.isEmpty ? nil : state.takeWaiting())
        }
        count(more)
        waiting?.resume()
        return isRoom
    }

    /// Nothing comes behind this but `last`, if that can still be written.
    /// - Returns: false if it had ended before.
    func end(_ end: FeedEnd, last: ByteBuffer?) -> Bool {
        let (isFirst, dropped, waiting) = state.withLock { state in
            guard state.end == nil else { return (false, 0, nil as CheckedContinuation<Void, Never>?) }
            state.end = end
            let isDropped = end == .tooSlow || end == .left
            let dropped = isDropped ? state.bytes : 0
            if isDropped {
                state.parts = []
                state.held = state.held.map { _ in [] }
                state.bytes = 0
            }
            if let last { state.parts.append(last) }
            return (true, dropped, state.takeWaiting())
        }
        count(-dropped)
        waiting?.resume()
        return isFirst
    }

    /// Whoever read is gone.
    /// - Returns: why the stream ended; nil if that is told already.
    func left(now: Instant) -> FeedEnd? {
        let since = state.withLock { state in
            state.end == nil ? [state.writingSince, state.pendingSince].compactMap(\.self).min() : nil
        }
        let reason: FeedEnd = since.map { now - $0 >= FeedLimits.unreadMax } ?? false ? .tooSlow : .left
        return end(reason, last: nil) ? reason : nil
    }

    /// From now on it is told what comes.
    /// - Returns: whether it was not before.
    func open() -> Bool {
        state.withLock { state in
            defer { state.isBehind = false }
            return state.isBehind
        }
    }

    var hasEnded: Bool { state.withLock { $0.end != nil } }

    func forgetFloors() { state.withLock { $0.floors = nil } }

    func isQuiet(since instant: Instant) -> Bool { state.withLock { $0.end == nil && $0.heardAt <= instant } }
}

// What is taken.
extension FeedListener {
    /// Waits until there is something.
    /// - Returns: nil at the end.
    func next() async -> ByteBuffer? {
        while true {
            if let part = take() { return part }
            if Task.isCancelled || state.withLock({ $0.isDone }) { return nil }
            await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    let isDue = state.withLock { state in
                        guard state.parts.isEmpty, state.end == nil, !Task.isCancelled else { return true }
                        state.waiting = continuation
                        return false
                    }
                    if isDue { continuation.resume() }
                }
            } onCancel: {
                state.withLock { $0.takeWaiting() }?.resume()
            }
        }
    }

    /// What waits, as much as is written at once.
    private func take() -> ByteBuffer? {
        let (part, bytes) = state.withLock { state -> (ByteBuffer?, Int) in
            guard var part = state.parts.popFirst() else {
                if state.end != nil { state.isDone = true }
                return (nil, 0)
            }
            while let more = state.parts.first,
                part.readableBytes + more.readableBytes <= FeedLimits.partBytesMax
            {
                state.parts.removeFirst()
                part.writeImmutableBuffer(more)
            }
            let bytes = min(state.bytes, part.readableBytes)
            state.bytes -= bytes
            state.pendingSince = state.parts.isEmpty ? nil : .now
            if state.parts.isEmpty { state.parts = [] }
            return (part, bytes)
        }
        count(-bytes)
        return part
    }
}

extension FeedListener.State {
    fileprivate mutating func append(_ part: ByteBuffer, now: FeedListener.Instant) {
        parts.append(part)
        bytes += part.readableBytes
        heardAt = now
        if pendingSince == nil { pendingSince = now }
    }

    fileprivate mutating func takeWaiting() -> CheckedContinuation<Void, Never>? {
        defer { waiting = nil }
        return waiting
    }
}
