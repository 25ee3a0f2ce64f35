import PresenceCore
import PresenceStore
import RedisClient
import Support
import Synchronization
import Testing

@testable import PresenceWorker

@Suite("Delivery of an outbox that was damaged, or is another one")
struct DeliveryDamageTests {
    /// What was posted, in its order.
    private final class Posted: Sendable {
        private let users = Mutex<[String]>([])
        var all: [String] { users.withLock { $0 } }
        func deliver(_ change: StatusChange) -> DeliveryOutcome {
            users.withLock { $0.append(change.user.rawValue) }
            return .delivered
        }
    }

    @Test(
        "Logins go on and are delivered, whatever key is deleted or overwritten",
        arguments: [
            ["DEL", "EVENTS"], ["DEL", "CURSOR"], ["HSET", "CURSOR", "backlog", "999999999"], ["SET", "CURSOR", "x"],
            ["SET", "EVENTS", "x"], ["HSET", "CURSOR", "id", "99999999999999-0"], ["HSET", "CURSOR", "id", "x"],
            ["XTRIM", "EVENTS", "MAXLEN", "1"], ["SET", "ASIDE", "x"], ["SET", "DEAD", "x"],
        ])
    func damage(_ words: [String]) async throws {
        let posted = Posted()
        try await DeliveryHarness.with(shards: 1, backlogMax: 100, deliver: posted.deliver) { harness in
            let keys = [
                "EVENTS": harness.store.keys.events(0), "CURSOR": harness.store.keys.cursor(0),
                "ASIDE": harness.store.keys.aside(0), "DEAD": harness.store.keys.dead(0),
            ]
            for number in 0..<3 { try await harness.login("before-\(number)") }
            try await eventually(else: "not delivered") { Set(posted.all).count == 3 }
            _ = try await harness.store.redis.send(RedisCommand(words: words.map { keys[$0] ?? $0 }, routedBy: nil))
            try await eventually(else: "logins are refused for good") {
                (try? await harness.login("after")) != nil
            }
            try await eventually(else: "not delivered: \(posted.all)") { posted.all.contains("after") }
            try await eventually(else: "the backlog is wrong") {
                (try? await harness.sum(harness.store.keys.cursor, "backlog")) == 0
            }
        }
    }

    @Test("An entry deleted in the middle of a backlog, and the last one, hold up nothing")
    func gap() async throws {
        let isDown = Mutex(true)
        let posted = Posted()
        let deliver: Deliver = { change in
            isDown.withLock { $0 } ? .retry(afterMs: nil, detail: "502") : posted.deliver(change)
        }
        try await DeliveryHarness.with(shards: 1, backlogMax: 100, deliver: deliver) { harness in
            for number in 0..<9 { try await harness.login("user-\(number)") }
            let events = harness.store.keys.events(0)
            let entries = try #require(try await harness.command("XRANGE", events, "-", "+").array)
            for index in [4, 8] {
                _ = try await harness.command("XDEL", events, try #require(entries[index].array?.first?.string))
            }
            isDown.withLock { $0 = false }
            try await harness.login("after")
            try await eventually(else: "\(posted.all)") { Set(posted.all).isSuperset(of: ["user-7", "after"]) }
            try await eventually(else: "the backlog is wrong") {
                (try? await harness.sum(harness.store.keys.cursor, "backlog")) == 0
            }
        }
    }

    @Test(
        "After a restored dump or a failover nothing is acknowledged unread, also where positions are the same or older"
    )
    func restoredDump() async throws {
        let posted = Posted()
        try await DeliveryHarness.with(shards: 1, deliver: posted.deliver) { harness in
            let events = harness.store.keys.events(0)
            try await harness.login("first")
            try await eventually(else: "not delivered") {
                try await harness.sum(harness.store.keys.cursor, "backlog") == 0 && posted.all == ["first"]
            }
            for user in ["second", "third"] { try await harness.login(user) }
            try await eventually(else: "not delivered") {
                try await harness.sum(harness.store.keys.cursor, "backlog") == 0 && posted.all.count == 3
            }
            let entries = try #require(try await harness.command("XRANGE", events, "-", "+").array)
            let restore = Self.restore(entries, events: events, cursor: harness.store.keys.cursor(0))
            _ = try await harness.store.redis.replies(restore.map { RedisCommand(words: $0, routedBy: nil) })
            try await eventually(else: "\(posted.all)") {
                Set(posted.all).isSuperset(of: ["fourth", "fifth", "sixth"])
            }
            try await eventually(else: "the backlog is wrong") {
                (try? await harness.sum(harness.store.keys.cursor, "backlog")) == 0
            }
        }
    }

    /// Puts the stream back to where it was after its first event, and other events at the positions of those lost.
    private static func restore(_ entries: [RedisValue], events: String, cursor: String) -> [[String]] {
        let positions = entries.compactMap { $0.array?.first?.string }
        let fields = entries.first?.array?.last?.array?.compactMap(\.string) ?? []
        var words = [["MULTI"], ["DEL", events], ["XADD", events, positions[0]] + fields]
        for (position, user) in zip(positions.dropFirst() + ["*"], ["fourth", "fifth", "sixth"]) {
            words.append(["XADD", events, position] + fields.map { $0 == "first" ? user : $0 })
        }
        return words + [["HSET", cursor, "id", positions[0], "backlog", "3"], ["EXEC"]]
    }
}
