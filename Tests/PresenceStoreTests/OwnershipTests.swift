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
            try await a.release(first.filter { $0.key == 0 })
            let second = try await b.owned([0, 1], leaseMs: 60_000)
            #expect(second.count == 1 && second[0, default: 0] > first[0, default: .max])
            #expect(try await a.owned([0, 1], leaseMs: 60_000) == first.filter { $0.key == 1 })
            try await a.release(first.filter { $0.key == 0 })
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
            try await a.release(old)
            let new = try await a.asWorker("b").owned([0], leaseMs: 60_000)
            let before = try await a.digest()
            #expect(try await a.sweep(old).answers == [0: .lost])
            #expect(try await a.sweep(new).answers == [0: .lost])
            #expect(try await a.acknowledge([OutboxEntry(position: "1-0", change: nil)], fence) == .lost)
            #expect(try await a.digest() == before)

            try await a.asWorker("b").release(new)
            #expect(try await a.owned([0], leaseMs: 60_000).count == 1)
            #expect(try await a.sweep(old).answers == [0: .lost])
            #expect(try await a.acknowledge([OutboxEntry(position: "1-0", change: nil)], fence) == .lost)
            try await a.release(old)
            #expect(try await a.asWorker("b").owned([0], leaseMs: 60_000) == [:])
        }
    }

    @Test("A worker says it lives until it leaves, or is not heard of for a while")
    func registration() async throws {
        try await withStore { a in
            let b = a.asWorker("b")
            #expect(try await a.register(silenceMs: 60_000) == ["a"])
            #expect(try await Set(b.register(silenceMs: 60_000)) == ["a", "b"])
            try await a.command("ZADD", a.keys.workers, String(a.nowMs() - 61_000), "dead")
            #expect(try await Set(a.register(silenceMs: 60_000)) == ["a", "b"])
            try await a.unregister()
            #expect(try await b.register(silenceMs: 60_000) == ["b"])
        }
    }

    @Test("A sweep names who is due, the most overdue first, and how late it is")
    func due() async throws {
        try await withStore(shards: 1) { store in
            let now = try await store.nowMs()
            let deadlines = store.keys.deadlines(0)
            try await store.command(
                "ZADD", deadlines, String(now - 3000), "bob", String(now - 7000), "ann", String(now + 60_000), "cat")
            let fences = try await store.owned([0], leaseMs: 60_000)
            guard case .swept(let due, let lagMs)? = try await store.sweep(fences)[0] else {
                throw Unexpected("the sweep was refused")
            }
            #expect(due == [.ann, .bob])
            #expect((7000...10_000).contains(lagMs))
            #expect(try await store.settle(due).changed == 0)
            #expect(try await store.sweep(fences).answers == [0: .swept(due: [], lagMs: 0)])
        }
    }

    @Test("A sweep names no more than a batch")
    func batch() async throws {
        try await withStore(shards: 1) { store in
            let users = (0..<StoreLimits.sweepBatchUsersMax + 44).flatMap { ["\($0 + 1)", "user-\($0)"] }
            try await store.command(["ZADD", store.keys.deadlines(0)] + users)
            let fences = try await store.owned([0], leaseMs: 60_000)
            guard case .swept(let due, _)? = try await store.sweep(fences)[0] else {
                throw Unexpected("the sweep was refused")
            }
            #expect(due.count == StoreLimits.sweepBatchUsersMax)
            #expect(due.first?.rawValue == "user-0")
            #expect(try await store.settle(due).changed == 0)
            guard case .swept(let rest, _)? = try await store.sweep(fences)[0] else {
                throw Unexpected("the sweep was refused")
            }
            #expect(rest.count == 44)
        }
    }

    @Test("A gap since the last sweep gives grace; the first sweep and a takeover's pause do not")
    func gap() async throws {
        try await withStore(shards: 1) { store in
            let fences = try await store.owned([0], leaseMs: 60_000)
            let quiet: [Shard: SweepAnswer] = [0: .swept(due: [], lagMs: 0)]
            #expect(try await store.sweep(fences).answers == quiet)
            try await store.command("SET", store.keys.sweep(0), String(store.nowMs() - 14_000))
            #expect(try await store.sweep(fences).answers == quiet)
            #expect(try await store.command("EXISTS", store.keys.grace(0)).int == 0)
            try await store.command("SET", store.keys.sweep(0), String(store.nowMs() - 16_000))
            for _ in 0..<2 {
                #expect(try await store.sweep(fences).answers == quiet)
                let graceMs = try #require(try await store.command("PTTL", store.keys.grace(0)).int)
                #expect((85_000...90_000).contains(graceMs))
            }
        }
    }
}
