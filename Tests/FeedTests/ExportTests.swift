import PresenceCore
import RedisClient
import Support
import Testing

@testable import Feed
@testable import PresenceStore

@Suite("The export")
struct ExportTests {
    /// All pages.
    private func export(
        _ feed: ChangeFeed, limit: Int, _ filter: ExportFilter = ExportFilter(),
        between: (Int) async throws -> Void = { _ in }
    ) async throws -> [UserPresence] {
        var users: [UserPresence] = []
        var cursor: ExportCursor?
        for number in 0..<10_000 {
            let page = try await feed.exported(after: cursor, limit: limit, filter)
            #expect(page.users.count <= limit)
            users += page.users
            guard let next = page.next else { return users }
            cursor = ExportCursor(next.description)
            #expect(cursor?.description == next.description)
            try await between(number)
        }
        throw TimedOut(description: "it does not end")
    }

    @Test("Pages of any size have every user once while nothing changes", arguments: [1, 3, 50, 1_000])
    func whole(_ limit: Int) async throws {
        try await withFeed { feed, store, _ in
            for user in 0..<40 { try await store.loggedIn("u\(user)", user < 10 ? .iPhone : .web) }
            // Many of one deadline.
            for shard in 0..<4 {
                for user in 0..<40 where store.keys.shard(of: try UserID("u\(user)")) == shard && user > 20 {
                    _ = try await store.command("ZADD", store.keys.deadlines(shard), "XX", "5000", "u\(user)")
                }
            }
            let users = try await export(feed, limit: limit)
            #expect(Set(users.map(\.user.rawValue)) == Set((0..<40).map { "u\($0)" }))
            #expect(users.count >= 40 && users.count <= (limit >= 40 ? 40 : 80))
            let phones = try await export(feed, limit: limit, ExportFilter(status: .online, platform: .iPhone))
            #expect(Set(phones.map(\.user.rawValue)) == Set((0..<10).map { "u\($0)" }))
            #expect(try await export(feed, limit: limit, ExportFilter(status: .pushOnline)).isEmpty)
        }
    }

    @Test("What stands there by hand and names nobody is passed over, whatever its bytes", arguments: [1, 2, 7])
    func foreign(_ limit: Int) async throws {
        try await withFeed(shards: 1) { feed, store, _ in
            let users = ["ann", "zoe", "%41", "a b", "é", "Ω", "\u{FFFD}", "🙂"]
            for user in users { try await store.loggedIn(user) }
            let deadlines = store.keys.deadlines(0)
            for user in users { _ = try await store.command("ZADD", deadlines, "XX", "5000", user) }
            let bytes: [[Int]] = [
                [255], [128], [254, 255, 37], [0], [195, 40], [239, 191], Array(repeating: 255, count: 300),
                Array(repeating: 97, count: 127) + [255, 255], Array(repeating: 128, count: 200),
            ]
            let script = """
                for i = 1, #ARGV do
                  local name = string.gsub(ARGV[i], '%d+ ', function(byte) return string.char(tonumber(byte)) end)
                  redis.call('ZADD', KEYS[1], 5000, name)
                end
                """
            let names = bytes.map { $0.map { "\($0) " }.joined() }
            _ = try await store.redis.send(
                RedisCommand(words: ["EVAL", script, "1", deadlines] + names, routedBy: deadlines))
            #expect(try await store.command("ZCARD", deadlines).int == Int64(users.count + bytes.count))
            let exported = try await export(feed, limit: limit).map(\.user.rawValue)
            #expect(Set(exported.map { Array($0.utf8) }) == Set(users.map { Array($0.utf8) }))
        }
    }

    @Test("Nobody who is there all the while is missed, whatever becomes of deadlines", arguments: 0..<4)
    func moving(_ seed: Int) async throws {
        try await withFeed(shards: 1) { feed, store, _ in
            for user in 0..<60 { try await store.loggedIn("u\(user)", .android) }
            var random = SeededGenerator(seed: UInt64(seed))
            let users = try await export(feed, limit: 5) { _ in
                let user = "u\(Int.random(in: 0..<60, using: &random))"
                switch Int.random(in: 0..<3, using: &random) {
                // As the sweep raises it.
                case 0:
                    _ = try await store.command(
                        "ZADD", store.keys.deadlines(0), "XX", "INCR", "500000", user)
                // A login with a shorter timeout brings it to the front.
                case 1: try await store.loggedIn(user, .web)
                default: break
                }
            }
            #expect(Set(users.map(\.user.rawValue)).count == 60)
        }
    }

    @Test("Deadlines that come earlier by other rules have their shard begun anew")
    func lowered() async throws {
        try await withFeed(shards: 1) { feed, store, _ in
            for user in 0..<30 { try await store.loggedIn("u\(user)", .android) }
            let fences = await store.own([0], leaseMs: 60_000).answers.mapValues(\.fence)
            let users = try await export(feed, limit: 10) { number in
                guard number == 0 else { return }
                // The last ones are the first now.
                for user in 20..<30 {
                    _ = try await store.command("ZADD", store.keys.deadlines(0), "XX", "9999999999999", "u\(user)")
                }
                _ = await store.lowerDeadlines(fences)
                for user in 20..<30 {
                    _ = try await store.command("ZADD", store.keys.deadlines(0), "XX", "17", "u\(user)")
                }
            }
            #expect(Set(users.map(\.user.rawValue)).count == 30)
        }
    }

    @Test("It goes on no faster than it may")
    func rate() async throws {
        var options = FeedOptions()
        options.exportedUsersPerSecondMax = 100
        try await withFeed(shards: 1, options: options) { feed, store, _ in
            for user in 0..<60 { try await store.loggedIn("u\(user)") }
            let begun = ContinuousClock.now
            _ = try await export(feed, limit: 20)
            // Of 4 pages, the last of which is empty, 3 were waited for.
            #expect(ContinuousClock.now - begun >= .milliseconds(1_000))
        }
    }
}
