import Logging
import PresenceCore
import PresenceStore
import RedisClient
import Support
import Synchronization
import Testing

@testable import PresenceWorker

@Suite("Delivery to a real receiver")
struct DeliveryTests {
    private func expectOrder(_ receiver: CallbackReceiver, of user: String) {
        let versions = receiver.events(of: user).map(\.version)
        #expect(versions == versions.sorted(), "\(user)")
    }

    @Test("A user whose events fail forever, 1 200 of them, holds up nobody, and refuses nobody a login")
    func oneBadUser() async throws {
        try await CallbackReceiver.withReceiver { receiver in
            receiver.answer { $0.user == "bad" ? 500 : 200 }
            // In one shard with everybody, and with a backlog of 1 300 its logins are refused.
            try await DeliveryHarness.with(shards: 1, backlogMax: 1_300, deliver: { await post($0, to: receiver) }) {
                harness in
                for number in 0..<1_200 {
                    try await harness.login("bad")
                    if number.isMultiple(of: 4) { try await harness.login("good-\(number)") }
                }
                try await eventually(else: "others: \(receiver.events.count) of 300") {
                    receiver.events.count == 300
                }
                for number in 0..<200 { try await harness.login("later-\(number)") }
                try await eventually(else: "not set aside") {
                    let backlog = try await harness.sum(harness.store.keys.cursor, "backlog")
                    return backlog == 0 && receiver.events.count == 500
                }
                try await eventually(else: "not within the limits of one user") {
                    let (aside, dead) = (
                        try await harness.sum(harness.store.keys.aside), try await harness.sum(harness.store.keys.dead)
                    )
                    return aside == StoreLimits.asidePerUserMax && dead == 200
                }
                receiver.answer { _ in 200 }
                #expect(try await harness.store.replayDeadLetters(of: 0).left == 200, "there is no room for them")
                try await eventually(else: "bad: \(receiver.events(of: "bad").count)") {
                    receiver.events(of: "bad").count == 1_000
                }
                expectOrder(receiver, of: "bad")
                try await eventually(else: "still aside") { try await harness.sum(harness.store.keys.aside) == 0 }
                #expect(try await harness.store.replayDeadLetters(of: 0) == ReplayAnswer(replayed: 200))
                try await eventually(else: "not replayed") {
                    receiver.events(of: "bad").count == 1_200
                }
                let replayed = receiver.events(of: "bad").suffix(200).map(\.version)
                #expect(replayed == replayed.sorted())
            }
        }
    }

    @Test("A refused event is a dead letter only while others are accepted; the user's next ones go on in order")
    func refused() async throws {
        try await CallbackReceiver.withReceiver { receiver in
            let bad = Mutex(0)
            receiver.answer { event in
                guard event.user == "picky" else { return 200 }
                return bad.withLock { version in
                    if version == 0 { version = event.version }
                    return event.version == version ? 400 : 200
                }
            }
            try await DeliveryHarness.with(deliver: { await post($0, to: receiver) }) { harness in
                for _ in 0..<3 { try await harness.login("picky") }
                try await eventually(else: "no dead letter") {
                    try await harness.login("other")
                    return try await harness.sum(harness.store.keys.dead) == 1
                }
                try await eventually(else: "picky: \(receiver.events(of: "picky").count)") {
                    receiver.events(of: "picky").count == 2
                }
                expectOrder(receiver, of: "picky")
                #expect(receiver.attempts.filter { $0.version == bad.withLock { $0 } }.count >= 10)
            }
        }
    }

    @Test("404 to everything for a while makes no dead letters, sets nobody aside, and is told in two lines")
    func refusesAll() async throws {
        let log = LogRecorder(level: .info)
        try await CallbackReceiver.withReceiver { receiver in
            receiver.answer { _ in 404 }
            try await DeliveryHarness.with(deliver: { await post($0, to: receiver) }, logger: log.logger) { harness in
                for number in 0..<300 { try await harness.login("user-\(number)") }
                // Long enough for every event to be a dead letter by its own failures.
                let end = ContinuousClock.now + .seconds(3)
                try await eventually(else: "never") { ContinuousClock.now > end }
                let attempts = receiver.attempts.count
                #expect(attempts < 1_000, "the receiver is spared: \(attempts)")
                receiver.answer { _ in 200 }
                try await eventually(else: "delivered \(receiver.events.count)") {
                    receiver.events.count == 300
                }
                #expect(try await harness.sum(harness.store.keys.dead) == 0)
                #expect(try await harness.sum(harness.store.keys.aside) == 0)
            }
        }
        let told = log.lines.filter { $0.contains("callback receiver") }
        #expect(told.count == 2 && told[0].contains("fails") && told[1].contains("back"), "\(log.lines)")
    }

    @Test("A receiver that fails and comes back again and again is told once a minute each")
    func flapping() async throws {
        let log = LogRecorder(level: .info)
        try await CallbackReceiver.withReceiver { receiver in
            let begin = ContinuousClock.now
            receiver.answer { _ in
                (ContinuousClock.now - begin).components.attoseconds / 100_000_000_000_000_000 % 4 < 2 ? 503 : 200
            }
            try await DeliveryHarness.with(deliver: { await post($0, to: receiver) }, logger: log.logger) { harness in
                var number = 0
                try await eventually(else: "never") {
                    try await harness.login("user-\(number % 500)")
                    number += 1
                    return ContinuousClock.now - begin > .seconds(4)
                }
            }
        }
        #expect(log.lines.count <= 6, "\(log.lines)")
        #expect(log.lines.filter { $0.contains("callback receiver") }.count <= 2)
    }

    @Test("A Retry-After that one user gets makes nobody else wait")
    func retryAfter() async throws {
        try await CallbackReceiver.withReceiver { receiver in
            receiver.answer { $0.user == "limited" ? 429 : 200 }
            try await DeliveryHarness.with(deliver: { await post($0, to: receiver) }) { harness in
                try await harness.login("limited")
                try await eventually(else: "not tried") { receiver.attempts.count >= 1 }
                for number in 0..<50 { try await harness.login("user-\(number)") }
                try await eventually(timeout: .seconds(3), else: "they wait") { receiver.events.count == 50 }
            }
        }
    }

    @Test("The next owner reads what is set aside first, and delivers a user's events in their order")
    func takeover() async throws {
        try await CallbackReceiver.withReceiver { receiver in
            receiver.answer { $0.user == "bad" ? 500 : 200 }
            try await DeliveryHarness.with(deliver: { await post($0, to: receiver) }) { harness in
                for _ in 0..<5 { try await harness.login("bad") }
                try await eventually(else: "not set aside") {
                    try await harness.login("other")
                    return try await harness.sum(harness.store.keys.aside) == 5
                }
                await harness.delivery.stop()
                await harness.store.release(harness.owned.fences)
                var options = harness.store.options
                options.worker = "b"
                let next = PresenceStore(redis: harness.store.redis, keys: harness.store.keys, options: options)
                receiver.answer { _ in 200 }
                let known = receiver.attempts.count
                for _ in 0..<3 { try await harness.login("bad") }
                try await DeliveryHarness.run(on: next, deliver: { await post($0, to: receiver) }) { _ in
                    try await eventually(else: "bad: \(receiver.events(of: "bad").count)") {
                        receiver.events(of: "bad").count == 8
                    }
                    let versions = receiver.attempts.dropFirst(known).filter { $0.user == "bad" }.map(\.version)
                    #expect(versions == versions.sorted())
                    try await eventually(else: "still aside") { try await harness.sum(harness.store.keys.aside) == 0 }
                }
            }
        }
    }

    @Test("A worker that does not own a shard any more by its own clock posts nothing of it, not even once more")
    func notOwned() async throws {
        let posted = Mutex(0)
        let deliver: Deliver = { _ in
            posted.withLock { $0 += 1 }
            return .retry(afterMs: nil, detail: "502")
        }
        try await DeliveryHarness.with(deliver: deliver) { harness in
            for number in 0..<20 { try await harness.login("user-\(number)") }
            try await eventually(else: "nothing is posted") { posted.withLock { $0 > 0 } }
            harness.owned.lost(harness.owned.fences)
            let last = posted.withLock { $0 }
            let end = ContinuousClock.now + .seconds(1)
            try await eventually(else: "never") { ContinuousClock.now > end }
            #expect(posted.withLock { $0 } <= last + 1)
        }
    }

    @Test("Without a receiver the events are passed as they come")
    func nobody() async throws {
        try await DeliveryHarness.with(deliver: nil) { harness in
            for number in 0..<200 { try await harness.login("user-\(number)") }
            try await eventually(else: "not passed") {
                try await harness.sum(harness.store.keys.cursor, "backlog") == 0
            }
            _ = try await harness.command("HSET", harness.store.keys.cursor(0), "backlog", "999999999")
            try await eventually(else: "not mended") {
                try await harness.sum(harness.store.keys.cursor, "backlog") == 0
            }
        }
    }
}
