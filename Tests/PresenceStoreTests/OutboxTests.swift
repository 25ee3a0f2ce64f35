import PresenceCore
import RedisClient
import Support
import Testing

@testable import PresenceStore

@Suite struct OutboxTests {
    @Test("Acknowledging moves the cursor and the backlog, and repeating it or an earlier one changes nothing")
    func acknowledge() async throws {
        try await withStore(shards: 1) { store in
            let entries = try await store.fill(5)
            let fence = try await store.fence()
            #expect(try await store.backlog() == 5)
            #expect(try await store.acknowledge(entries[..<3], fence) == .acknowledged(aside: []))
            #expect(try await store.cursor() == entries[2].position)
            #expect(try await store.backlog() == 2)
            let before = try await store.digest()
            for end in [3, 1] { #expect(try await store.acknowledge(entries[..<end], fence) == .already) }
            #expect(try await store.digest() == before)
            let next = await store.events(after: [0: entries[2].position], limit: 1)
            #expect(next.answers == [0: [entries[3]]])
            let same = await store.events(from: [0: entries[2].position], limit: 1)
            #expect(same.answers == [0: Array(entries[2...3])])
        }
    }

    @Test("Where another event than the one that was read stands at the position, or none, nothing is acknowledged")
    func moved() async throws {
        try await withStore(shards: 1) { store in
            let entries = try await store.fill(3)
            let fence = try await store.fence()
            let before = try await store.digest()
            var other = entries[1]
            other.change?.id = "other-1"
            #expect(try await store.acknowledge([other], fence, aside: [entries[0]]) == .moved)
            let later = OutboxEntry(position: "99999999999999-0", change: entries[2].change)
            #expect(try await store.acknowledge([later], fence, aside: [entries[0]]) == .moved)
            #expect(try await store.digest() == before)
            try await store.command("XDEL", store.keys.events(0), entries[1].position)
            #expect(try await store.acknowledge(entries[..<2], fence) == .moved)
        }
    }

    @Test("The acknowledgement of a former owner is refused")
    func formerOwner() async throws {
        try await withStore(shards: 1) { store in
            let entries = try await store.fill(1)
            let fence = try await store.fence()
            #expect(try await store.acknowledge(entries[...], fence - 1) == .lost)
            #expect(try await store.asWorker("b").acknowledge(entries[...], fence) == .lost)
            #expect(await store.asWorker("b").passEvents([0: fence]).answers == [0: .lost])
            #expect(await store.asWorker("b").openOutboxes([0: fence]).answers == [0: nil])
            #expect(try await store.cursor() == nil)
        }
    }

    @Test("Within a millisecond, events are in the order of their sequence numbers")
    func sequence() async throws {
        try await withStore(shards: 1) { store in
            let fence = try await store.fence()
            for position in ["5-2", "5-9", "5-10", "9-7", "12-0"] {
                try await store.command("XADD", store.keys.events(0), position, "action", "Later")
            }
            for (position, answer) in [("5-9", "acknowledged"), ("5-2", "already"), ("5-10", "acknowledged")] {
                let answered = try await store.acknowledge([OutboxEntry(position: position, change: nil)], fence)
                #expect("\(try #require(answered))".hasPrefix(answer), "\(position)")
            }
            #expect(try await store.cursor() == "5-10")
            #expect(try await store.acknowledge([OutboxEntry(position: "12-0", change: nil)], fence) != .already)
            #expect(try await store.acknowledge([OutboxEntry(position: "9-7", change: nil)], fence) == .already)
        }
    }

    @Test("An acknowledgement repeated with more that is done counts and copies nothing twice")
    func grownFront() async throws {
        try await withStore(shards: 1) { store in
            let entries = try await store.fill(4)
            let fence = try await store.fence()
            // The first reply is lost, so the worker believes that all three are still to be acknowledged.
            for end in [2, 3] { _ = try await store.acknowledge(entries[..<end], fence, aside: [entries[0]]) }
            #expect(try await store.backlog() == 1)
            #expect(try await store.asideEntries().count == 1)
        }
    }

    @Test("The stream is trimmed below the cursor only, however short the retention, and the cursor's event stays")
    func trimming() async throws {
        try await withStore(shards: 1, eventsRetentionMs: 0) { store in
            let entries = try await store.fill(600)
            _ = try await store.acknowledge(entries[..<400], store.fence())
            let left = try await store.entries(0)
            #expect(left.count < 600)
            #expect(Array(left.suffix(201)) == Array(entries.suffix(201)))
        }
    }

    @Test("What is delivered in a shard where nothing happens any more is trimmed too, but for the last event")
    func quietShard() async throws {
        try await withStore(shards: 1, eventsRetentionMs: 0) { store in
            for _ in 0..<5 { try await store.loggedIn(.ann, .web) }
            #expect(await store.trimEvents(of: [0])[0] == 0)
            let fence = try await store.fence()
            #expect(await store.passEvents([0: fence])[0] != nil)
            let last = try #require(try await store.entries(0).last)
            // Within a stream's node nothing is trimmed that costs more than little.
            #expect(try await store.entries(0).count == 5)
            // Of one millisecond with the last they are as old as that.
            try await eventually(else: "more than the last event is left") {
                _ = await store.trimEvents(of: [0])
                return try await store.entries(0) == [last]
            }
            #expect(await store.trimEvents(of: [0])[0] == 0)
        }
    }

    @Test("Delivered events stay for the retention")
    func retention() async throws {
        try await withStore(shards: 1) { store in
            let entries = try await store.fill(300)
            _ = try await store.acknowledge(entries[...], store.fence())
            #expect(try await store.entries(0).count == 300)
        }
    }

    @Test("Where nobody is to be told the cursor follows the events in one call, and writes nothing without any")
    func pass() async throws {
        try await withStore(shards: 1) { store in
            let entries = try await store.fill(3)
            let fence = try await store.fence()
            #expect(try await store.passEvents([0: fence])[0]?.position == store.entries(0).last?.position)
            #expect(try await store.cursor() == entries[2].position)
            #expect(try await store.backlog() == 0)
            let before = try await store.digest()
            #expect(try await store.passEvents([0: fence])[0]?.position == store.entries(0).last?.position)
            #expect(try await store.digest() == before)
        }
    }

    @Test("An entry this version cannot read keeps its place in the order, and one that says more is read")
    func unreadable() async throws {
        try await withStore(shards: 1) { store in
            try await store.command("XADD", store.keys.events(0), "*", "action", "Later")
            try await store.loggedIn(.ann, .web)
            let event = try #require(try await store.command("XREVRANGE", store.keys.events(0), "+", "-").array?.first)
            let fields = try #require(event.array?[1].array?.map { $0.string ?? "" })
            try await store.command(["XADD", store.keys.events(0), "*"] + fields + ["later", "1"])
            let entries = try await store.entries(0)
            #expect(entries.map { $0.change?.user } == [nil, .ann, .ann])
        }
    }

    @Test("A shard whose outbox cannot be read is named, and holds up no other")
    func corruptShard() async throws {
        try await withStore(shards: 2) { store in
            try await store.command("SET", store.keys.events(0), "text")
            let events = await store.events(after: [0: "0-0", 1: "0-0"], limit: 9)
            #expect(events.answers == [1: []])
            #expect(events.failures.mapValues(\.code) == [0: .corrupt])
        }
    }
}

@Suite("An outbox damaged by hand") struct OutboxDamageTests {
    /// Damages the outbox of three events, one of them done, opens it, and checks what the login script goes by.
    private func damaged(
        _ damage: [String], position: (_ entries: [OutboxEntry]) -> String, backlog: Int64, isMended: Bool = true
    ) async throws {
        try await withStore(shards: 1) { store in
            let entries = try await store.fill(3)
            let fence = try await store.fence()
            _ = try await store.acknowledge(entries[..<1], fence)
            let keys = ["EVENTS": store.keys.events(0), "CURSOR": store.keys.cursor(0), "SECOND": entries[1].position]
            try await store.command(damage.map { keys[$0] ?? $0 })
            for mended in isMended ? [true, false] : [false] {
                let outbox = try #require(await store.openOutboxes([0: fence])[0] ?? nil)
                #expect(outbox.wasMended == mended)
                #expect(outbox.cursor.position == position(entries))
                #expect(try await store.backlog() ?? 0 == backlog)
            }
            try await store.loggedIn(.ann, .web)
        }
    }

    @Test("Nothing is written where nothing is damaged")
    func whole() async throws {
        try await damaged(["PING"], position: { $0[0].position }, backlog: 2, isMended: false)
    }

    @Test("DEL events: nothing is undelivered")
    func noEvents() async throws { try await damaged(["DEL", "EVENTS"], position: { _ in "0-0" }, backlog: 0) }

    @Test("DEL cursor: all that is there counts as undelivered")
    func noCursor() async throws { try await damaged(["DEL", "CURSOR"], position: { _ in "0-0" }, backlog: 3) }

    @Test("A backlog that is too high, too low, or no number is counted anew", arguments: ["999999999", "0", "many"])
    func wrongBacklog(_ number: String) async throws {
        try await damaged(["HSET", "CURSOR", "backlog", number], position: { $0[0].position }, backlog: 2)
    }

    @Test("XDEL in the middle: the backlog is what is left")
    func gap() async throws {
        try await damaged(["XDEL", "EVENTS", "SECOND"], position: { $0[0].position }, backlog: 1)
    }

    @Test("A cursor or an outbox of another type holds nothing of ours")
    func otherType() async throws {
        try await damaged(["SET", "CURSOR", "text"], position: { _ in "0-0" }, backlog: 3)
        try await damaged(["SET", "EVENTS", "text"], position: { _ in "0-0" }, backlog: 0)
    }

    @Test("A cursor that is no position, or beyond the end, was another stream's")
    func wrongCursor() async throws {
        for id in ["text", "99999999999999-0", "123456789012345678901234567890-0"] {
            try await damaged(["HSET", "CURSOR", "id", id], position: { _ in "0-0" }, backlog: 3)
        }
    }

    @Test("A backlog too long to count is kept within the length of the stream, and exact once it is short")
    func longBacklog() async throws {
        try await withStore(shards: 1) { store in
            let count = StoreLimits.backlogCountedMax + 20
            _ = try await store.redis.replies(
                (1...count).map { RedisCommand("XADD", key: store.keys.events(0), "\($0)-0", "action", "Later") })
            let fence = try await store.fence()
            for (kept, right) in [("999999999", count), ("7", StoreLimits.backlogCountedMax)] {
                try await store.command("HSET", store.keys.cursor(0), "backlog", kept)
                _ = await store.openOutboxes([0: fence])
                #expect(try await store.backlog() == Int64(right))
            }
            let last = OutboxEntry(position: "\(count)-0", change: nil)
            #expect(try await store.acknowledge([last], fence) == .acknowledged(aside: []))
            #expect(try await store.backlog() == 0, "everything is acknowledged")
        }
    }
}
