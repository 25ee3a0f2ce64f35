import PresenceCore
import RedisClient
import Support
import Testing

@testable import PresenceStore

/// Between reading who is due and re-arming them everything may happen.
@Suite struct RearmTests {
    /// Re-arms users with their records as they were read, after the body has changed something.
    private func rearm(
        _ store: PresenceStore, _ users: UserID..., after change: () async throws -> Void
    ) async throws -> [[UserID]] {
        var answer = SettleAnswer()
        defer { #expect(answer.failures.isEmpty) }
        let read = await store.read(users, &answer)
        try await change()
        return await store.rearm(read, &answer.failures).map { $0.map(\.user) }
    }

    private func makeDue(_ store: PresenceStore, _ users: UserID...) async throws {
        for user in users {
            try await store.command("ZADD", store.keys.deadlines(store.keys.shard(of: user)), "1", user.rawValue)
        }
    }

    @Test("Who lives is due again when the first timer ends, who has an ended timer is settled, in one script a shard")
    func livingAndEnded() async throws {
        try await withStore(shards: 1, limits: LoginLimits(policy: .multi)) { store in
            let web = try await store.loggedIn(.ann, .web)
            try await store.loggedIn(.ann, .iPhone)
            let gone = try await store.loggedIn(.bob, .web)
            try await store.silence(.bob, gone.session)
            try await makeDue(store, .ann, .bob)
            #expect(try await rearm(store, .ann, .bob) {} == [[.bob]])
            try await store.expectDeadline(of: .ann, atEndOf: store.keys.lease(.ann, web.session))
            #expect(try await store.deadline(.bob) == 1)
        }
    }

    @Test("A heartbeat in between only makes the time longer")
    func heartbeat() async throws {
        try await withStore { store in
            let web = try await store.loggedIn(.ann, .web)
            try await store.command("PEXPIRE", store.keys.lease(.ann, web.session), "1000")
            try await makeDue(store, .ann)
            let ended = try await rearm(store, .ann) {
                _ = await store.gone(among: [UserSession(user: .ann, session: web.session)])
            }
            #expect(ended == [])
            try await store.expectDeadline(of: .ann, atEndOf: store.keys.lease(.ann, web.session))
        }
    }

    @Test("A login in between, of another device or of the same, leaves the user due or settles it: nothing is put off")
    func login() async throws {
        try await withStore(limits: LoginLimits(policy: .multi)) { store in
            try await store.loggedIn(.ann, .iPhone)
            try await makeDue(store, .ann)
            #expect(try await rearm(store, .ann) { try await store.loggedIn(.ann, .web) } == [])
            #expect(try await store.deadline(.ann) == 1)
            #expect(try await rearm(store, .ann) { try await store.loggedIn(.ann, .iPhone) } == [[.ann]])
            #expect(try await store.deadline(.ann) == 1)
        }
    }

    @Test("A record with a version is re-armed; a login in between that takes its place leaves the user due")
    func loginInsteadOfVersion() async throws {
        try await withStore(limits: LoginLimits(policy: .dual)) { store in
            let phone = try await store.loggedIn(.ann, .iPhone)
            let web = try await store.loggedIn(.ann, .web)
            _ = try await store.disconnect(.ann, session: phone.session)
            _ = try await store.logout(.ann, session: web.session)
            #expect(try await store.command("HEXISTS", store.keys.user(.ann), "version").int == 1)
            try await makeDue(store, .ann)
            #expect(try await rearm(store, .ann) {} == [])
            try await store.expectDeadline(of: .ann, atEndOf: store.keys.push(.ann, phone.session))
            try await makeDue(store, .ann)
            #expect(try await rearm(store, .ann) { try await store.loggedIn(.ann, .web) } == [])
            #expect(try await store.deadline(.ann) == 1)
        }
    }

    @Test("A device that took the place of another in between, in a record of as many fields, puts nothing off")
    func exchanged() async throws {
        try await withStore(limits: LoginLimits(policy: .single)) { store in
            try await store.loggedIn(.ann, .iPhone)
            try await makeDue(store, .ann)
            #expect(try await rearm(store, .ann) { try await store.loggedIn(.ann, .web) } == [[.ann]])
            #expect(try await store.deadline(.ann) == 1)
        }
    }

    @Test("A logout in between is not undone: the user is not due again")
    func logout() async throws {
        try await withStore { store in
            let web = try await store.loggedIn(.ann, .web)
            try await makeDue(store, .ann)
            _ = try await rearm(store, .ann) { _ = try await store.logout(.ann, session: web.session) }
            #expect(try await store.deadline(.ann) == nil)
            #expect(await store.settle([.ann]).settled == 0)
            #expect(try await store.deadline(.ann) == nil)
        }
    }

    @Test("Repeating it after a lost reply changes nothing, and settling twice finds nothing left")
    func repeated() async throws {
        try await withStore(shards: 1) { store in
            try await store.loggedIn(.ann, .web)
            let gone = try await store.loggedIn(.bob, .web)
            try await store.sweepAll()
            try await makeDue(store, .ann, .bob)
            try await store.silence(.bob, gone.session)
            let settle = try await store.settleCalls(.bob)[0]
            for settled in [1, 0] {
                #expect(try await rearm(store, .ann) {} == [])
                let ended = try await store.run([settle])[0].get().text(0)
                #expect(SettledSession.all(in: ended).count == settled)
            }
            #expect(try await store.story(.bob) == ["Login/Register", "Disconnect/LinkClose"])
        }
    }

    @Test("A timer that has no end, of whatever session, is given one: nobody lives for ever, nobody is lost for it")
    func endless() async throws {
        try await withStore(limits: LoginLimits(policy: .multi)) { store in
            let web = try await store.loggedIn(.ann, .web)
            let phone = try await store.loggedIn(.ann, .iPhone)
            _ = try await store.disconnect(.ann, session: phone.session)
            let timers = [store.keys.lease(.ann, web.session), store.keys.push(.ann, phone.session)]
            for timer in timers { try await store.command("PERSIST", timer) }
            try await makeDue(store, .ann)
            try await store.sweepAll()
            #expect(await store.settle([.ann]).settled == 0)
            for (timer, most) in zip(timers, [Int64(60_000), 604_800_000]) {
                #expect((most - 10_000...most).contains(try #require(try await store.ttl(timer))))
            }
        }
    }

    @Test("Two owners at once settle a session once: Lua decides")
    func twoOwners() async throws {
        try await withStore(shards: 1) { store in
            let other = store.asWorker("b")
            var users: [UserID] = []
            for number in 0..<100 {
                let user = try UserID("user-\(number)")
                let session = try await store.loggedIn(user, .web).session
                try await store.silence(user, session)
                users.append(user)
            }
            try await store.sweepAll()
            let due = users
            async let one = store.settle(due)
            async let two = other.settle(due)
            #expect(await one.settled + two.settled == 100)
            #expect(try await store.entries(0).count == 200)
            #expect(try await store.counts().users.values.allSatisfy { $0 == 0 })
        }
    }

    @Test("A shard whose events somebody made another type is named, and holds up no other shard")
    func brokenShard() async throws {
        try await withStore(shards: 2) { store in
            try await store.sweepAll()
            var users: [UserID] = []
            for number in 0..<20 {
                let user = try UserID("user-\(number)")
                try await store.silence(user, try await store.loggedIn(user, .web).session)
                users.append(user)
            }
            try await store.command("SET", store.keys.events(0), "text")
            let answer = await store.settle(users)
            #expect(answer.failures.mapValues(\.code) == [0: .corrupt])
            #expect(answer.settled == users.count { store.keys.shard(of: $0) == 1 })
        }
    }

    @Test("A grace that is none, or begins in the future, puts nobody off")
    func brokenGrace() async throws {
        for grace in [["SET", "99999999999999"], ["SET", "abc"], ["HSET", "a", "b"]] {
            try await withStore { store in
                let web = try await store.loggedIn(.ann, .web)
                try await store.sweepAll()
                let key = store.keys.grace(store.keys.shard(of: .ann))
                try await store.command([grace[0], key] + grace.dropFirst())
                try await store.silence(.ann, web.session)
                #expect(await store.settle([.ann]).settled == 1, "\(grace)")
            }
        }
    }

    @Test("Users of a record nobody can read are named, beside a hundred others, and put off")
    func unreadable() async throws {
        try await withStore(shards: 1) { store in
            try await store.sweepAll()
            var users: [UserID] = [.ann, .bob]
            for number in 0..<100 {
                let user = try UserID("user-\(number)")
                try await store.silence(user, try await store.loggedIn(user, .web).session)
                users.append(user)
            }
            try await store.command("SET", store.keys.user(.ann), "text")
            try await store.command("HSET", store.keys.user(.bob), "Web:1", "status=Online generation=g")
            try await makeDue(store, .ann, .bob)
            let answer = await store.settle(users)
            #expect(answer.settled == 100)
            #expect(Set(answer.unreadable) == [.ann, .bob])
            for user in [UserID.ann, .bob] {
                let left = try #require(try await store.deadline(user)) - (try await store.nowMs())
                #expect((50_000...60_000).contains(left))
            }
        }
    }
}
