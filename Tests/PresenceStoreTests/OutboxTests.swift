import PresenceCore
import RedisClient
import Testing

@testable import PresenceStore

@Suite struct OutboxTests {
    /// Logs in so many users and gives the entries of their only shard.
    private static func fill(_ store: PresenceStore, _ count: Int) async throws -> [OutboxEntry] {
        for number in 0..<count { try await store.loggedIn(UserID("user-\(number)"), .web) }
        return try await store.entries(0)
    }

    private static func backlog(_ store: PresenceStore) async throws -> Int64? {
        try await store.command("HGET", store.keys.cursor(0), "backlog").int
    }

    @Test("Acknowledging moves the cursor and the backlog, and repeating it changes nothing")
    func acknowledge() async throws {
        try await withStore(shards: 1) { store in
            let entries = try await Self.fill(store, 5)
            let fence = try #require(try await store.owned([0], leaseMs: 60_000)[0])
            #expect(try await store.cursors([0]).answers == [0: "0-0"])
            #expect(try await Self.backlog(store) == 5)
            for _ in 0..<2 {
                let answer = try await store.acknowledge(
                    0, fence: fence, upTo: entries[2].position, refused: [])
                #expect(answer == .acknowledged)
                #expect(try await store.cursors([0]).answers == [0: entries[2].position])
                #expect(try await Self.backlog(store) == 2)
            }
            let earlier = try await store.acknowledge(
                0, fence: fence, upTo: entries[0].position, refused: [])
            #expect(earlier == .acknowledged)
            #expect(try await store.cursors([0]).answers == [0: entries[2].position])
            #expect(try await Self.backlog(store) == 2)
            #expect(
                try await store.events(after: [0: entries[2].position], limit: 1).answers == [0: [entries[3]]])
        }
    }

    @Test("Within a millisecond, events are in the order of their sequence numbers")
    func sequence() async throws {
        try await withStore(shards: 1) { store in
            let fence = try #require(try await store.owned([0], leaseMs: 60_000)[0])
            for position in ["5-2", "5-10", "5-9", "12-0", "9-7"] {
                _ = try await store.acknowledge(0, fence: fence, upTo: position, refused: [])
            }
            #expect(try await store.cursors([0]).answers == [0: "12-0"])
            for position in ["12-9", "12-10", "12-11", "12-2"] {
                _ = try await store.acknowledge(0, fence: fence, upTo: position, refused: [])
            }
            #expect(try await store.cursors([0]).answers == [0: "12-11"])
        }
    }

    @Test("A refused event is in the dead letters whole, once, with the reason")
    func deadLetters() async throws {
        try await withStore(shards: 1) { store in
            let entries = try await Self.fill(store, 3)
            let fence = try #require(try await store.owned([0], leaseMs: 60_000)[0])
            for _ in 0..<2 {
                let refused = [RefusedEntry(position: entries[1].position, why: "400 Bad Request")]
                #expect(
                    try await store.acknowledge(0, fence: fence, upTo: entries[2].position, refused: refused)
                        == .acknowledged)
            }
            let dead = try #require(try await store.command("XRANGE", store.keys.dead(0), "-", "+").array)
            #expect(dead.count == 1)
            #expect(OutboxEntry(dead[0])?.change == entries[1].change)
            #expect(dead[0].array?[1].array?.prefix(2) == [.string("refused"), .string("400 Bad Request")])
        }
    }

    @Test("Replayed dead letters are at the end of the outbox as the events they were, and dead no more")
    func replay() async throws {
        try await withStore(shards: 1) { store in
            let entries = try await Self.fill(store, 3)
            let fence = try #require(try await store.owned([0], leaseMs: 60_000)[0])
            let refused = entries.prefix(2).map { RefusedEntry(position: $0.position, why: "400") }
            _ = try await store.acknowledge(0, fence: fence, upTo: entries[2].position, refused: refused)
            #expect(try await Self.backlog(store) == 0)
            for count in [2, 0] { #expect(try await store.replayDeadLetters(of: 0).replayed == count) }
            #expect(try await Self.backlog(store) == 2)
            #expect(try await store.command("XLEN", store.keys.dead(0)).int == 0)
            let events = try await store.events(after: [0: entries[2].position], limit: 9)[0]
            #expect(events?.map(\.change) == entries.prefix(2).map(\.change))
        }
    }

    @Test("A replay leaves room in the backlog, so that it refuses nobody a login, and says what is left")
    func replayRoom() async throws {
        try await withStore(shards: 1) { store in
            var options = store.options
            options.eventsBacklogMax = 10
            let small = PresenceStore(redis: store.redis, keys: store.keys, options: options)
            for number in 0..<7 {
                try await store.command(
                    "XADD", store.keys.dead(0), "*", "refused", "400", "id", "event\(number)")
            }
            for count in [5, 0] {
                let answer = try await small.replayDeadLetters(of: 0)
                #expect(answer.replayed == count && answer.left == 2)
            }
            try await small.loggedIn(.ann, .web)
        }
    }

    @Test("An acknowledgement repeated with more that is done counts and buries nothing twice")
    func grownFront() async throws {
        try await withStore(shards: 1) { store in
            let entries = try await Self.fill(store, 4)
            let fence = try #require(try await store.owned([0], leaseMs: 60_000)[0])
            let refused = [RefusedEntry(position: entries[0].position, why: "400")]
            // The first reply is lost, so the worker believes that all three are still to be acknowledged.
            for last in [1, 2] {
                _ = try await store.acknowledge(
                    0, fence: fence, upTo: entries[last].position, refused: refused, counted: ("0-0", last + 1))
            }
            #expect(try await Self.backlog(store) == 1)
            #expect(try await store.command("XLEN", store.keys.dead(0)).int == 1)
        }
    }

    @Test("Where the dead letters are full nothing is acknowledged")
    func crowded() async throws {
        try await withStore(shards: 1) { store in
            let entries = try await Self.fill(store, 2)
            let fence = try #require(try await store.owned([0], leaseMs: 60_000)[0])
            let letters = StoreLimits.deadLettersPerShardMax
            _ = try await store.redis.pipeline(
                (0..<letters).map { _ in RedisCommand("XADD", key: store.keys.dead(0), "*", "refused", "400") })
            let refused = [RefusedEntry(position: entries[0].position, why: "400")]
            let before = try await store.digest()
            #expect(
                try await store.acknowledge(0, fence: fence, upTo: entries[1].position, refused: refused)
                    == .crowded)
            #expect(try await store.digest() == before)
            #expect(
                try await store.acknowledge(0, fence: fence, upTo: entries[1].position, refused: [])
                    == .acknowledged)
        }
    }

    @Test("The stream is trimmed below the cursor only, however short the retention")
    func trimming() async throws {
        try await withStore(shards: 1, eventsRetentionMs: 0) { store in
            let entries = try await Self.fill(store, 600)
            let fence = try #require(try await store.owned([0], leaseMs: 60_000)[0])
            _ = try await store.acknowledge(0, fence: fence, upTo: entries[399].position, refused: [])
            let left = try await store.entries(0)
            #expect(left.count < 600)
            #expect(Array(left.suffix(200)) == Array(entries.suffix(200)))
        }
    }

    @Test("Delivered events stay for the retention")
    func retention() async throws {
        try await withStore(shards: 1) { store in
            let entries = try await Self.fill(store, 300)
            let fence = try #require(try await store.owned([0], leaseMs: 60_000)[0])
            _ = try await store.acknowledge(0, fence: fence, upTo: entries[299].position, refused: [])
            #expect(try await store.entries(0).count == 300)
        }
    }

    @Test("An entry this version cannot read keeps its place in the order")
    func unreadable() async throws {
        try await withStore(shards: 1) { store in
            try await store.command("XADD", store.keys.events(0), "*", "action", "Later")
            try await store.loggedIn(.ann, .web)
            let entries = try await store.entries(0)
            #expect(entries.map { $0.change?.user } == [nil, .ann])
        }
    }

    @Test("A shard whose outbox cannot be read is named, and holds up no other")
    func corruptShard() async throws {
        try await withStore(shards: 2) { store in
            try await store.command("SET", store.keys.events(0), "text")
            let events = try await store.events(after: [0: "0-0", 1: "0-0"], limit: 9)
            #expect(events.answers == [1: []])
            #expect(events.failures.mapValues(\.code) == [0: .corrupt])
        }
    }
}
