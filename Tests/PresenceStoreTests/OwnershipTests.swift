import PresenceCore
import RedisClient
import Support
import Testing

@testable import PresenceStore

@Suite struct OwnershipTests {
    @Test("A shard has one owner; its fence token grows with every change of hands and with nothing else")
    func ownership() async throws {
        try await withStore { a in
            let b = a.asWorker("b")
            let first = try await a.owned([0, 1], leaseMs: 60_000)
            #expect(first.count == 2)
            #expect(try await a.owned([0], leaseMs: 60_000) == first.filter { $0.key == 0 })
            #expect(try await b.owned([0, 1], leaseMs: 60_000) == [:])
            await a.release(first.filter { $0.key == 0 })
            let second = try await b.owned([0, 1], leaseMs: 60_000)
            #expect(second.count == 1 && second[0, default: 0] > first[0, default: .max])
            #expect(try await a.owned([0, 1], leaseMs: 60_000) == first.filter { $0.key == 1 })
            await a.release(first.filter { $0.key == 0 })
            #expect(try await a.owned([0], leaseMs: 60_000) == [:])
        }
    }

    @Test("The fence token grows even after Redis lost its data")
    func fenceAfterLoss() async throws {
        try await withStore { store in
            let before = try #require(try await store.owned([0], leaseMs: 60_000)[0])
            try await store.command("DEL", store.keys.owner(0))
            try await eventually(else: "no higher fence") {
                try await store.command("DEL", store.keys.owner(0))
                return try await store.owned([0], leaseMs: 60_000)[0, default: 0] > before
            }
        }
    }

    @Test("An owner's record damaged by hand holds nobody off, and neither do strangers among the deadlines")
    func damaged() async throws {
        try await withStore(shards: 2) { store in
            let fields = ["fence", "until", "swept"]
            for field in fields {
                let fences = try await store.owned([0])
                try await store.command("HSET", store.keys.owner(0), field, "abc")
                _ = try await store.tended(fences)
                await store.release(fences)
                #expect(try await store.owned([0]).count == 1, "\(field)")
            }
            let other = try #require(
                (0..<99).compactMap { try? UserID("u\($0)") }.first { store.keys.shard(of: $0) == 1 })
            try await store.command(
                "ZADD", store.keys.deadlines(0), "1", other.rawValue, "2", String(repeating: "x", count: 200))
            guard case .tended(let tended)? = try await store.tended(store.owned([0]))[0] else {
                throw Unexpected("the shard is another's")
            }
            #expect(tended.due == [] && tended.strangers.count == 2)
            try await store.forget(tended.strangers, of: 0)
            #expect(try await store.command("EXISTS", store.keys.deadlines(0)).int == 0)
        }
    }

    @Test("What was still under way when a shard was given up does not take it back")
    func released() async throws {
        try await withStore { a in
            let fences = try await a.owned([0])
            await a.release(fences)
            #expect(try await a.tended(fences) == [0: .lost])
            #expect(try await a.asWorker("b").owned([0]).count == 1)
        }
    }

    @Test("A lease that was not renewed is free for others")
    func expiry() async throws {
        try await withStore { a in
            let first = try #require(try await a.owned([0], leaseMs: 50)[0])
            let b = a.asWorker("b")
            var second = 0
            try await eventually(else: "b never owns the shard") {
                second = try await b.owned([0], leaseMs: 50)[0] ?? 0
                return second > first
            }
            try await eventually(else: "b's own late renewal is no new ownership") {
                try await b.owned([0], leaseMs: 1)[0].map { $0 > second } ?? false
            }
        }
    }

    @Test("Work under an old fence is refused")
    func oldFence() async throws {
        try await withStore { a in
            let old = try await a.owned([0], leaseMs: 60_000)
            let fence = try #require(old[0])
            await a.release(old)
            let new = try await a.asWorker("b").owned([0], leaseMs: 60_000)
            let before = try await a.digest()
            #expect(try await a.tended(old) == [0: .lost])
            #expect(try await a.tended(new) == [0: .lost])
            #expect(await a.lowerDeadlines([0: fence]).answers.count == 1)
            #expect(try await a.acknowledge([OutboxEntry(position: "1-0", change: nil)], fence) == .lost)
            #expect(try await a.digest() == before)

            await a.asWorker("b").release(new)
            #expect(try await a.owned([0], leaseMs: 60_000).count == 1)
            #expect(try await a.tended(old) == [0: .lost])
            #expect(try await a.acknowledge([OutboxEntry(position: "1-0", change: nil)], fence) == .lost)
            await a.release(old)
            #expect(try await a.asWorker("b").owned([0], leaseMs: 60_000) == [:])
        }
    }

    @Test("A worker says it lives, its level and its rules, until it leaves, or is not heard of for a while")
    func registration() async throws {
        try await withStore { a in
            func live(_ store: PresenceStore) async throws -> Set<String> {
                Set(try await store.register(silenceMs: 60_000).live.map(\.worker))
            }
            let b = a.asWorker("b")
            #expect(try await live(a) == ["a"])
            #expect(try await live(b) == ["a", "b"])
            let said = try await a.register(silenceMs: 60_000).live
            #expect(
                Set(said.map(\.worker)) == ["a", "b"] && Set(said.map(\.rules)) == [a.saying.rules, b.saying.rules])
            try await a.command("ZADD", a.keys.workers, String(a.nowMs() - 61_000), "dead")
            #expect(try await live(a) == ["a", "b"])
            try await a.unregister()
            #expect(try await live(b) == ["b"])
        }
    }

    @Test("A sign of life that failed leaves none of before it standing beside the next one")
    func failedRegistration() async throws {
        try await withStore { store in
            // Says nothing of its clock yet; the next one does.
            _ = try await store.register(silenceMs: 60_000)
            try await store.command("ACL", "SETUSER", "default", "-@scripting")
            await #expect(throws: StoreError.self) { _ = try await store.register(silenceMs: 60_000) }
            try await store.command("ACL", "SETUSER", "default", "+@scripting")
            let live = try await store.register(silenceMs: 60_000).live
            #expect(live.map(\.worker) == ["a"] && live.first?.clockMs != nil)
        }
    }

    @Test("Looking after a shard names who is due, the most overdue first, how late it is, and no more than asked for")
    func due() async throws {
        try await withStore(shards: 1) { store in
            let now = try await store.nowMs()
            let deadlines = store.keys.deadlines(0)
            try await store.command(
                "ZADD", deadlines, String(now - 3000), "bob", String(now - 7000), "ann", String(now + 60_000), "cat")
            let fences = try await store.owned([0])
            let tended = try await store.tendedOnly(fences)
            #expect(tended.due == [.ann, .bob])
            #expect((7000...10_000).contains(tended.lagMs))
            #expect(try await store.tendedOnly(fences, usersMax: 1).due == [.ann])
            #expect(try await store.tendedOnly(fences, usersMax: 0).due == [])
            #expect(await store.settle(tended.due).settled == 0)
            let after = try await store.tendedOnly(fences)
            #expect(after.due == [] && after.lagMs == 0)
        }
    }

    @Test("A gap since the last sweep gives grace; the first sweep and a takeover's pause do not")
    func gap() async throws {
        try await withStore(shards: 1) { store in
            func sweptAgo(_ milliseconds: Int64) async throws {
                try await store.command(
                    "HSET", store.keys.owner(0), "swept", String(store.nowMs() - milliseconds))
            }
            let fences = try await store.owned([0])
            _ = try await store.tendedOnly(fences)
            try await sweptAgo(14_000)
            _ = try await store.tendedOnly(fences)
            #expect(try await store.command("EXISTS", store.keys.grace(0)).int == 0)
            try await sweptAgo(16_000)
            for _ in 0..<2 {
                _ = try await store.tendedOnly(fences)
                let graceMs = try #require(try await store.command("PTTL", store.keys.grace(0)).int)
                #expect((145_000...150_000).contains(graceMs))
            }
        }
    }

    @Test("An outage that comes before the first sweep of a shard gives grace too")
    func gapBeforeSweep() async throws {
        try await withStore(shards: 1) { store in
            let fences = try await store.owned([0])
            let taken = try #require(try await store.command("HGET", store.keys.owner(0), "swept").int)
            try await store.command("HSET", store.keys.owner(0), "swept", String(taken - 16_000))
            _ = try await store.tendedOnly(fences)
            #expect(try await store.command("EXISTS", store.keys.grace(0)).int == 1)
        }
    }

    @Test("An owner writes nothing but when its lease runs low or the last sweep was noted a fifth of the gap ago")
    func quiet() async throws {
        try await withStore(shards: 1) { store in
            let fences = try await store.owned([0])
            func written(_ field: String) async throws -> Int64? {
                try await store.command("HGET", store.keys.owner(0), field).int
            }
            _ = try await store.tendedOnly(fences)
            let before = try await store.digest()
            for _ in 1...5 { _ = try await store.tendedOnly(fences) }
            #expect(try await store.digest() == before)
            let now = try await store.nowMs()
            try await store.command("HSET", store.keys.owner(0), "until", String(now + 39_000))
            #expect(try await store.tendedOnly(fences).leaseLeftMs == 60_000)
            #expect(try #require(try await written("until")) >= now + 60_000)
            try await store.command("HSET", store.keys.owner(0), "swept", String(now - 3_100))
            _ = try await store.tendedOnly(fences)
            #expect(try #require(try await written("swept")) >= now)
            // What was noted before the clock was set back.
            try await store.command("HSET", store.keys.owner(0), "swept", String(now + 100_000))
            _ = try await store.tendedOnly(fences)
            #expect(try #require(try await written("swept")) < now + 50_000)
        }
    }

    @Test("An owner hears where the streams of its shard end, and the alarm rings when the next one is due")
    func endsAndAlarm() async throws {
        try await withStore(shards: 1) { store in
            let fences = try await store.owned([0])
            let empty = try await store.tendedOnly(fences)
            #expect(empty.streams == StreamTails(events: "0-0", aside: "0-0"))
            try await store.loggedIn(.ann, .web)
            let aside = try await store.command("XADD", store.keys.aside(0), "*", "user", "ann").string
            let tended = try await store.tendedOnly(fences)
            #expect(tended.streams.events == (try await store.entries(0).last?.position))
            #expect(tended.streams.aside == aside)
            #expect(try await store.command("EXISTS", store.keys.alarm(0)).int == 0)
            let soon = try await store.nowMs() + 1_500
            try await store.command("ZADD", store.keys.deadlines(0), String(soon), "ann")
            _ = try await store.tendedOnly(fences)
            let rings = try #require(try await store.command("PEXPIRETIME", store.keys.alarm(0)).int)
            #expect((soon - 50...soon + 50).contains(rings))
        }
    }

    @Test("Under rules with shorter timeouts the deadlines of a shard come down, and no further than need be")
    func lowered() async throws {
        try await withStore(shards: 1) { store in
            var options = store.options
            options.platforms[.web].heartbeat.timeoutMs = 50_000
            let newer = PresenceStore(redis: store.redis, keys: store.keys, options: options)
            let first = try #require(await store.own([0], leaseMs: 60_000)[0])
            #expect(first.areDeadlinesTrue)
            let now = try await store.nowMs()
            let deadlines = store.keys.deadlines(0)
            try await store.command(
                ["ZADD", deadlines] + (1...1_500).flatMap { [String(now + 400_000), "user-\($0)"] })
            try await store.command("ZADD", deadlines, String(now + 10_000), "ann")
            await store.release([0: first.fence])
            let second = try #require(await newer.own([0], leaseMs: 60_000)[0])
            #expect(!second.areDeadlinesTrue)
            for isDone in [false, true] {
                #expect(await newer.lowerDeadlines([0: second.fence]).answers.isEmpty != isDone)
            }
            let last = try #require(try await store.command("ZRANGE", deadlines, "-1", "-1", "WITHSCORES").array)
            #expect((now + 50_000...now + 60_000).contains(try #require(last[1].int)))
            #expect(try await store.deadline(.ann) == now + 10_000)
            await newer.release([0: second.fence])
            #expect(try #require(await newer.own([0], leaseMs: 60_000)[0]).areDeadlinesTrue)
        }
    }
}

extension PresenceStore {
    fileprivate func tendedOnly(_ fences: [Shard: Fence], usersMax: Int = 256) async throws -> Tended {
        guard case .tended(let tended)? = try await tended(fences, usersMax: usersMax)[0] else {
            throw Unexpected("the shard is another's")
        }
        return tended
    }
}
