import NIOCore
import PresenceCore
import PresenceStore

/// Changes in their order, and where to go on.
package struct FeedPage: Sendable {
    package var changes: [FeedChange]
    package var next: FeedCursor
    /// There are more to be had at once.
    package var hasMore = false
}

// What those who follow ask for.
extension ChangeFeed {
    /// Changes behind a cursor, at most `limit` of them; fewer do not mean that there are no more, none do. Near the end
    /// changes are told again with the next page.
    /// - Parameter after: nil begins now, with a page that is empty.
    /// - Throws: `FeedCursorExpired`; `StoreError` if a master cannot be asked.
    package nonisolated func page(after: FeedCursor?, limit: Int) async throws -> FeedPage {
        guard let after else { return FeedPage(changes: [], next: try await store.feedStart(ofAll: true)) }
        guard try await store.ensureDataID() == after.dataID else { throw FeedCursorExpired() }
        return try await catchUps.pass { [store] in
            var catchUp = CatchUp(store, from: after)
            var changes: [FeedChange] = []
            var told = 0
            repeat {
                changes += try await catchUp.round(store)
                let horizon = catchUp.horizon
                told = horizon.map { horizon in changes.count { $0.position <= horizon } } ?? changes.count
            } while !catchUp.isComplete && told < limit
            if let horizon = catchUp.horizon { changes.removeAll { $0.position > horizon } }
            changes.sort { $0.position < $1.position }
            var next = catchUp.reader.cursor
            guard changes.count > limit else {
                return FeedPage(changes: changes, next: next, hasMore: !catchUp.isComplete)
            }
            changes.removeLast(changes.count - limit)
            // Where the clocks hold the cursor back, asking again at once would bring the same.
            var isMoving = false
            if let last = changes.last, last.position <= next.position {
                isMoving = last.position > after.position
                next.position = last.position
            }
            return FeedPage(changes: changes, next: next, hasMore: isMoving)
        }
    }

    /// All changes from now on, or behind a cursor.
    /// - Throws: `FeedCursorExpired`; `StoreError` if Redis cannot be asked, or there are as many streams as may be.
    package nonisolated func stream(after: FeedCursor?) async throws -> FeedStream {
        guard let after else {
            let subscription = try FeedSubscription(hub, hub.join(nil))
            let start = try await ensureFollowing()
            return FeedStream(self, subscription, first: [frames.opening, frames.cursor(start)])
        }
        guard try await store.ensureDataID() == after.dataID else { throw FeedCursorExpired() }
        let subscription = try FeedSubscription(hub, hub.join(nil, isBehind: true))
        let (reading, changes) = try await read(on: CatchUp(store, from: after))
        return FeedStream(
            self, subscription, catchUp: reading,
            first: [frames.opening, frames.cursor(after)] + changes.map(frames.change))
    }

    /// The presence of users, then their changes.
    /// - Parameter snapshot: writes what is told first.
    /// - Throws: `StoreError` if Redis cannot be asked for any of them, or there are as many streams as may be.
    package nonisolated func stream(
        of users: [UserID], snapshot: (_ presences: [Result<UserPresence, StoreError>]) throws -> ByteBuffer
    ) async throws -> FeedStream {
        let listener = try hub.join(users)
        let subscription = FeedSubscription(hub, listener)
        _ = try await ensureFollowing()
        let presences = try await store.presences(of: users).unlessNobodyCouldBeAsked()
        let first = try snapshot(presences)
        var floors: [UserID: Int] = [:]
        for case .success(let presence) in presences { floors[presence.user] = presence.version }
        hub.begin(listener, behind: floors)
        return FeedStream(self, subscription, first: [frames.opening, first])
    }
}

/// One who follows, until nobody holds it any more.
final class FeedSubscription: Sendable {
    private let hub: FeedHub
    let listener: FeedListener

    init(_ hub: FeedHub, _ listener: FeedListener) {
        self.hub = hub
        self.listener = listener
    }

    deinit { hub.left(listener) }
}

/// What one who follows is told, as it is written; ends with the reason.
package struct FeedStream: AsyncSequence, Sendable {
    package typealias Element = ByteBuffer
    package typealias Failure = any Error

    private let feed: ChangeFeed
    private let subscription: FeedSubscription
    private let catchUp: CatchUp?
    private let first: [ByteBuffer]

    init(_ feed: ChangeFeed, _ subscription: FeedSubscription, catchUp: CatchUp? = nil, first: [ByteBuffer]) {
        self.feed = feed
        self.subscription = subscription
        self.catchUp = catchUp
        self.first = first
    }

    package func makeAsyncIterator() -> Iterator {
        Iterator(feed: feed, subscription: subscription, catchUp: catchUp, first: first)
    }

    package struct Iterator: AsyncIteratorProtocol {
        fileprivate let feed: ChangeFeed
        fileprivate let subscription: FeedSubscription
        fileprivate var catchUp: CatchUp?
        fileprivate var first: [ByteBuffer]

        package mutating func next() async throws -> ByteBuffer? {
            // What was taken before is written.
            subscription.listener.writes(0)
            let part = try await first.isEmpty ? caughtUp() : takeFirst()
            guard let part else { return await subscription.listener.next() }
            subscription.listener.writes(part.readableBytes)
            return part
        }

        /// - Returns: nil when there is nothing more to catch up with.
        private mutating func caughtUp() async throws -> ByteBuffer? {
            while let catchUp, !Task.isCancelled {
                let step = try await offTheLoop { [feed, subscription] in
                    await feed.goOn(catchUp, subscription.listener)
                }
                self.catchUp = step.catchUp
                if let part = step.part { return part }
            }
            return nil
        }

        private mutating func takeFirst() -> ByteBuffer {
            defer { first = [] }
            return first.dropFirst().reduce(into: first[0]) { $0.writeImmutableBuffer($1) }
        }
    }
}

// From a cursor to the present.
extension ChangeFeed {
    struct Step: Sendable {
        var part: ByteBuffer?
        /// nil when it is done.
        var catchUp: CatchUp?
    }

    /// One step: reads on until all that is there is read, then has what comes from then on wait, and reads once more
    /// what came meanwhile.
    nonisolated func goOn(_ catchUp: CatchUp, _ listener: FeedListener) async -> Step {
        guard !listener.hasEnded else { return Step() }
        var catchUp = catchUp
        do {
            if hub.pending.isFull { throw StoreError(.overloaded, "As much is being written as may.") }
            if catchUp.isComplete {
                // What is read from now on and told to others first is read once more behind it.
                _ = try await ensureFollowing()
                guard listener.open() else { return Step() }
                catchUp.again()
            }
            let (reading, changes) = try await read(on: catchUp)
            return Step(part: changes.isEmpty ? nil : joined(changes), catchUp: reading)
        } catch is FeedCursorExpired {
            hub.end(listener, .cursorExpired)
            return Step()
        } catch {
            // A sign of life, until there is room and Redis can be asked again, or the changes are gone.
            try? await Task.sleep(for: .seconds(1))
            return Step(part: frames.heartbeat, catchUp: catchUp)
        }
    }

    private nonisolated func read(on catchUp: CatchUp) async throws -> (CatchUp, [FeedChange]) {
        try await catchUps.pass { [store] in
            var reading = catchUp
            let changes = try await reading.round(store)
            return (reading, changes)
        }
    }

    private nonisolated func joined(_ changes: [FeedChange]) -> ByteBuffer {
        changes.reduce(into: ByteBuffer()) { $0.writeImmutableBuffer(frames.change($1)) }
    }
}
