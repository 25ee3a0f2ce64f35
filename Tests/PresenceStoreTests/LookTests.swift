import PresenceCore
import RedisClient
import Support
import Testing

@testable import PresenceStore

@Suite("Looking at users and shards, and mending them")
struct LookTests {
    private func seen(_ store: PresenceStore, _ user: UserID, _ more: SessionID...) async throws -> UserLook {
        guard case .seen(let look) = try await store.look(at: [user: Set(more)])[user] else {
            throw Unexpected("\(user) cannot be seen")
        }
        return look
    }

    @Test("A user is seen with sessions on record and those asked about, their timers, and the deadline")
    func users() async throws {
        try await withStore { store in
            let phone = try await store.loggedIn(.ann, .iPhone)
            let look = try await seen(store, .ann, .never("Web:1"))
            #expect(look.record == .endless)
            let online = try #require(look.sessions.first { $0.id == phone.session })
            #expect(online.status == .online && online.push == .absent)
            guard case .ms(let left) = online.timer else { throw Unexpected("no timer") }
            #expect(399_000...400_000 ~= left)
            #expect(abs((look.deadlineMs ?? 0) - look.nowMs - 400_000) < 500)
            #expect(look.sessions.first { $0.id == .never("Web:1") }?.status == nil)
            try await store.command("HSET", store.keys.user(.bob), "Web:1", "nonsense")
            #expect(try await store.look(at: [.bob: []])[.bob] == .unreadable)
        }
    }

    @Test("Mending gives a lost session a deadline after its grace and ends none; repeating it changes nothing")
    func mendGhost() async throws {
        try await withStore { store in
            let phone = try await store.loggedIn(.ann, .iPhone)
            try await store.silence(.ann, phone.session)
            try await store.command("ZREM", store.keys.deadlines(store.keys.shard(of: .ann)), "ann")
            try await store.mend([seen(store, .ann)])
            let deadline = try #require(try await store.deadline(.ann))
            #expect(abs(deadline - (try await store.nowMs()) - 150_000) < 1_000)
            try await store.mend([seen(store, .ann)])
            #expect(try await store.deadline(.ann) == deadline)
            #expect(try await store.statuses(.ann) == [phone.session: .online])
        }
    }

    @Test("Mending a healthy user changes nothing at all")
    func mendNothing() async throws {
        try await withStore { store in
            let web = try await store.loggedIn(.ann, .web)
            let phone = try await store.loggedIn(.bob, .iPhone)
            _ = try await store.disconnect(.bob, session: phone.session)
            _ = try await store.logout(.ann, session: web.session)
            let before = try await store.digest()
            try await store.mend([seen(store, .ann), seen(store, .bob)])
            #expect(try await store.digest() == before)
        }
    }

    @Test("Timers without an end get their length, those without a session go, and records end when they should")
    func mendEnds() async throws {
        try await withStore { store in
            let phone = try await store.loggedIn(.ann, .iPhone)
            let (lease, orphan) = (store.keys.lease(.ann, phone.session), store.keys.lease(.ann, .never("Web:1")))
            try await store.command("PERSIST", lease)
            try await store.command("SET", orphan, "1")
            try await store.command("PEXPIRE", store.keys.user(.ann), "100000")
            try await store.mend([seen(store, .ann, .never("Web:1"))])
            #expect(try await store.ttl(lease) ?? 0 > 399_000)
            #expect(try await store.ttl(orphan) == -2)
            #expect(try await store.ttl(store.keys.user(.ann)) == -1)
            _ = try await store.logout(.ann, session: phone.session)
            try await store.command("PERSIST", store.keys.user(.ann))
            try await store.command("ZADD", store.keys.deadlines(store.keys.shard(of: .ann)), "1", "ann")
            try await store.mend([seen(store, .ann)])
            #expect(try await store.ttl(store.keys.user(.ann)) ?? 0 > 604_000_000)
            #expect(try await store.deadline(.ann) == nil)
        }
    }

    @Test("A shard is counted right while it changes, and what its counts say wrongly is known")
    func recount() async throws {
        try await withStore(shards: 1) { store in
            for number in 0..<300 { try await store.loggedIn(UserID("user-\(number)"), .web) }
            async let churn: Void = {
                for number in 0..<300 {
                    let user = try UserID("user-\(number)")
                    _ =
                        try await number % 2 == 0
                        ? store.kick(user).kicked.count : store.loggedIn(user, .iPad).kicked.count
                }
            }()
            for _ in 0..<5 {
                let recount = try #require(try await store.recount(0, and: []))
                #expect(recount.differences.isEmpty, "\(recount.differences)")
            }
            try await churn
            try await store.command("HINCRBY", store.keys.counts(0), "Online:Mac", "2")
            let recount = try #require(try await store.recount(0, and: []))
            #expect(recount.differences == [Recount.Difference(name: "Online:Mac", told: 2, counted: 0)])
            #expect(try await store.mendCounts(of: 0, recount))
            #expect(try await store.recount(0, and: [])?.differences == [])
        }
    }

    @Test("A shard is seen as it stands, and a wrong number of waiting events is mended")
    func shards() async throws {
        try await withStore(shards: 1) { store in
            try await store.sweepAll()
            try await store.loggedIn(.ann, .web)
            var look = try #require(await store.look(at: [0])[0])
            #expect(look.isOwned && look.owner == "a" && look.unsweptMs ?? 99 < 5_000 && look.overdueMs == 0)
            #expect(look.waiting == 1 && look.backlog == 1 && look.waitingMs < 5_000 && look.broken == [])
            try await store.command("HSET", store.keys.cursor(0), "backlog", "9")
            look = try #require(await store.look(at: [0])[0])
            #expect(look.backlog == 9 && look.countedBacklog == 1)
            #expect(try await store.mendBacklog(of: 0))
            #expect(await store.look(at: [0])[0]?.backlog == 1)
            try await store.command("SET", store.keys.aside(0), "x")
            try await store.command("HSET", store.keys.cursor(0), "id", "99999999999999-1")
            look = try #require(await store.look(at: [0])[0])
            #expect(look.broken == [store.keys.aside(0)] && look.cursorBeyond == "99999999999999-1")
            #expect(try await store.mendBacklog(of: 0) == false)
        }
    }

    @Test("Times and figures that are no times or figures end neither a look nor a check")
    func handWritten() async throws {
        try await withStore(shards: 1) { store in
            let phone = try await store.loggedIn(.ann, .iPhone)
            try await store.command("HSET", store.keys.owner(0), "swept", String(Int.min), "until", "1e300")
            try await store.command("HSET", store.keys.cursor(0), "backlog", String(Int.min))
            try await store.command("SET", store.keys.grace(0), String(Int.min))
            try await store.command("PEXPIRE", store.keys.lease(.ann, phone.session), "9000000000000000000")
            for score in ["inf", "-inf", "1e300", "-1e300"] {
                try await store.command("ZADD", store.keys.deadlines(0), score, "ann")
                let shard = try #require(await store.look(at: [0])[0])
                #expect(shard.overdueMs >= 0 && shard.unsweptMs ?? -1 > 0)
                let health = try #require(try await store.health().shards[0])
                #expect((0...StoredNumber.most).contains(health.firstDueMs ?? -1))
                guard case .at(let due) = try await store.facts(of: .ann).deadline else {
                    throw Unexpected("no deadline")
                }
                #expect((0...StoredNumber.most).contains(due))
                let look = try await seen(store, .ann)
                #expect(look.sessions.first?.timer == .ms(StoredNumber.most))
            }
        }
    }

    @Test("The README's user may do it with +scan, +dbsize and +zscore added; a replica tells what it denies")
    func permissions() async throws {
        try await RedisServer.withRedis { server in
            try await server.command("ACL", "SETUSER", "presence", "+scan", "+dbsize", "+zscore")
            try await RedisClient.with(server.serviceURL) { redis in
                let store = PresenceStore(
                    redis: redis, keys: KeySpace(prefix: "presence", shards: 2), options: StoreOptions(worker: "a"))
                try await store.loggedIn(.ann, .web)
                let looks = try await store.look(at: [.ann: []]).values.compactMap { sight -> UserLook? in
                    if case .seen(let look) = sight { look } else { nil }
                }
                try await store.mend(looks)
                #expect(await store.look(at: [0, 1]).failures.isEmpty)
                _ = try await store.mendBacklog(of: 0)
                let address = try #require(redis.masters.first)
                #expect(try await store.missingPermissions(at: address) == [])
                try await server.command("ACL", "SETUSER", "presence", "-xadd")
                #expect(try await store.missingPermissions(at: address) == ["+xadd"])
            }
        }
    }
}
