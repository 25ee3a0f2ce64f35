import NIOCore
import PresenceCore
import PresenceStore
import RedisClient
import Support
import Testing

@testable import Feed

@Suite("The feed on Redis")
struct ChangeFeedTests {
    @Test("Pages of any size bring every change behind the cursor, in order per user")
    func pages() async throws {
        try await withFeed { feed, store, _ in
            var cursor = try await feed.page(after: nil, limit: 10).next
            let start = cursor
            for round in 0..<3 {
                for user in 0..<20 { try await store.loggedIn("u\(user)", [Platform.web, .mac, .iPhone][round]) }
            }
            // Until the overlap is over.
            var changes: [StatusChange] = []
            try await eventually(else: "only \(changes.count) came") {
                changes += try await feed.all(after: &cursor, limit: 7)
                return Set(changes.map(\.id)).count == 60
            }
            var versions: [UserID: Int] = [:]
            var seen: Set<String> = []
            for change in changes where seen.insert(change.id).inserted {
                #expect(change.previous == versions[change.user, default: 0])
                versions[change.user] = change.version
            }
            var again = start
            #expect(Set(try await feed.all(after: &again, limit: 1_000).map(\.id)).count == 60)
        }
    }

    @Test("A page says that there is more only where asking again at once goes on behind it")
    func more() async throws {
        try await withFeed { feed, store, _ in
            let start = try await feed.page(after: nil, limit: 10).next
            for user in 0..<4 { try await store.loggedIn("u\(user)") }
            for limit in 1...5 {
                let page = try await feed.page(after: start, limit: limit)
                #expect(page.changes.count == min(limit, 4))
                #expect(!page.hasMore || page.next.position == page.changes.last?.position)
            }
        }
    }

    @Test("A cursor older than changes are kept is refused, so is one of data that is lost, and one of the future")
    func expired() async throws {
        try await withFeed(retentionMs: 60_000) { feed, store, _ in
            var cursor = try await feed.page(after: nil, limit: 10).next
            _ = try await feed.page(after: cursor, limit: 10)
            let stream = try await feed.stream(after: cursor)
            _ = stream
            var future = cursor
            future.position.ms += 60_000
            await #expect(throws: FeedCursorExpired.self) { try await feed.page(after: future, limit: 10) }
            cursor.position.ms -= 60_000
            await #expect(throws: FeedCursorExpired.self) { try await feed.page(after: cursor, limit: 10) }
            await #expect(throws: FeedCursorExpired.self) { try await feed.stream(after: cursor) }
            let recent = try await feed.page(after: nil, limit: 10).next
            _ = try await store.command("FLUSHALL")
            try await store.checkLayout()
            await #expect(throws: FeedCursorExpired.self) { try await feed.page(after: recent, limit: 10) }
        }
    }

    @Test("A stream begins with a cursor, tells changes at once, and is resumed from any cursor it told")
    func streams() async throws {
        try await withFeed { feed, store, _ in
            var first = try await feed.stream(after: nil).makeAsyncIterator()
            #expect(try await first.text(with: "cursor") == "opening cursor ")
            let start = try await feed.page(after: nil, limit: 1).next
            for round in 0..<5 {
                let login = try await store.loggedIn("ann", round.isMultiple(of: 2) ? .web : .mac)
                #expect(try await first.text(with: "ann") == "ann-\(login.version) ")
            }
            var second = try await feed.stream(after: start).makeAsyncIterator()
            let told = try await second.text(with: "ann")
            #expect(told.split(separator: " ").count { $0.hasPrefix("ann") } == 5)
            let login = try await store.loggedIn("bob")
            // What came meanwhile may be told twice.
            #expect(try await second.text(with: "bob-\(login.version) ").contains("bob"))
        }
    }

    @Test("What is written to those who catch up is counted; where it is too much they wait, with signs of life")
    func room() async throws {
        try await withFeed { feed, store, _ in
            let start = try await feed.page(after: nil, limit: 1).next
            try await store.loggedIn("ann")
            var parts = try await feed.stream(after: start).makeAsyncIterator()
            let first = try await parts.next()
            #expect(feed.hub.pending.count == first?.readableBytes)
            feed.hub.pending.add(FeedLimits.pendingBytesTotalMax + 1)
            #expect(try await parts.text(with: "heartbeat") == "heartbeat ")
            feed.hub.pending.add(-FeedLimits.pendingBytesTotalMax - 1)
            let login = try await store.loggedIn("bob")
            #expect(try await parts.text(with: "bob").contains("bob-\(login.version) "))
        }
    }

    @Test("A stream of users begins with where they stand; then come their changes, and nobody else's")
    func users() async throws {
        try await withFeed { feed, store, _ in
            let before = try await store.loggedIn("ann")
            let stream = try await feed.stream(of: [UserID("ann"), UserID("bob")]) { presences in
                ByteBuffer(string: "snapshot:\(presences.compactMap { try? $0.get().version }) ")
            }
            var parts = stream.makeAsyncIterator()
            #expect(try await parts.text(with: "snapshot") == "opening snapshot:[\(before.version), 0] ")
            try await store.loggedIn("eve")
            let login = try await store.loggedIn("bob")
            #expect(try await parts.text(with: "bob") == "bob-\(login.version) ")
        }
    }

    @Test("A stream survives an outage of Redis, and is ended where what stood there is lost")
    func outage() async throws {
        try await withFeed { feed, store, server in
            var parts = try await feed.stream(after: nil).makeAsyncIterator()
            _ = try await parts.text(with: "cursor")
            await server.pause()
            try await eventually(else: "Redis answers") { (try? await store.command("PING")) == nil }
            await server.resume()
            try await eventually(else: "Redis does not answer") { (try? await store.loggedIn("ann")) != nil }
            #expect(try await parts.text(with: "ann").contains("ann"))
            _ = try await store.command("FLUSHALL")
            try await store.checkLayout()
            #expect(try await parts.text(with: "end").hasSuffix("end:changes-missed "))
        }
    }

    @Test(
        "Where Redis goes away as the only stream has caught up all that comes later is told", .timeLimit(.minutes(2)))
    func outageAfterCatchingUp() async throws {
        try await withFeed { feed, store, server in
            let start = try await feed.page(after: nil, limit: 1).next
            try await store.loggedIn("ann")
            var parts = try await feed.stream(after: start).makeAsyncIterator()
            #expect(try await parts.text(with: "ann").contains("ann"))
            await server.pause()
            #expect(try await parts.text(with: "heartbeat").hasSuffix("heartbeat "))
            await server.resume()
            try await eventually(else: "Redis does not answer") { (try? await store.loggedIn("bob")) != nil }
            #expect(try await parts.text(with: "bob").contains("bob"))
        }
    }

    @Test("Reading stops some time after the last has left, and begins again")
    func stops() async throws {
        try await withFeed { feed, store, _ in
            do {
                var parts = try await feed.stream(after: nil).makeAsyncIterator()
                _ = try await parts.text(with: "cursor")
            }
            #expect(feed.hub.counts.all == 0)
            func calls() async throws -> Int {
                let stats = try await store.command("INFO", "commandstats").string ?? ""
                let line = stats.split(whereSeparator: \.isNewline).first { $0.hasPrefix("cmdstat_xrange:") } ?? ""
                return line.firstMatch(of: /calls=(\d+)/).flatMap { Int($0.1) } ?? 0
            }
            // While it reads it does so once a second at least; these looks are 10 ms apart.
            var (last, looks) = (-1, 0)
            try await eventually(else: "it goes on reading") {
                let now = try await calls()
                (last, looks) = (now, now == last ? looks + 1 : 0)
                return looks > 150
            }
            var parts = try await feed.stream(after: nil).makeAsyncIterator()
            try await store.loggedIn("ann")
            #expect(try await parts.text(with: "ann").contains("ann"))
        }
    }
}
