import PresenceCore
import RedisClient
import Testing

@testable import PresenceStore

@Suite struct LevelTests {
    @Test("Builds of two levels on one prefix write what both understand, until the older one is gone")
    func agreement() async throws {
        try await withStore { old in
            var options = old.options
            options.worker = "b"
            options.level = Layout.level + 1
            let new = PresenceStore(redis: old.redis, keys: old.keys, options: options)
            _ = try await new.register(silenceMs: 60_000)
            #expect(new.level == Layout.level + 1)
            for store in [old, new] { _ = try await store.register(silenceMs: 60_000) }
            #expect(old.level == Layout.level)
            #expect(new.level == Layout.level)
            try await old.unregister()
            _ = try await new.register(silenceMs: 60_000)
            #expect(new.level == Layout.level + 1)
            // The way back: the older one comes again beside the newer.
            for store in [old, new] { _ = try await store.register(silenceMs: 60_000) }
            #expect(new.level == Layout.level)
        }
    }

    @Test("A worker that does not say its level has the first one")
    func silent() async throws {
        try await withStore { store in
            var options = store.options
            options.level = 9
            let new = PresenceStore(redis: store.redis, keys: store.keys, options: options)
            try await store.command("ZADD", store.keys.workers, String(store.nowMs()), "x")
            #expect(try await new.register(silenceMs: 60_000).level == 1)
            #expect(new.level == 1)
        }
    }

    @Test("What a newer level may add to a record, an event or the rules is read past, and kept where it is not ours")
    func additions() async throws {
        try await withStore(limits: LoginLimits(policy: .multi)) { store in
            let web = try await store.loggedIn(.ann, .web)
            let key = store.keys.user(.ann)
            let record = try #require(try await store.command("HGET", key, "Web:1").string)
            try await store.command("HSET", key, "Web:1", record + " mood=happy", "later", "x")
            try await store.loggedIn(.ann, .iPhone)
            #expect(try await store.presence(.ann).sessions.count == 2)
            #expect(await store.gone(among: [UserSession(user: .ann, session: web.session)]) == [])
            #expect(try await store.command("HGET", key, "later").string == "x")
            let events = store.keys.events(store.keys.shard(of: .ann))
            let fields = try #require(
                try await store.command("XREVRANGE", events, "+", "-", "COUNT", "1").array?[0].array?[1].array)
            try await store.command(["XADD", events, "*"] + fields.compactMap(\.string) + ["mood", "happy"])
            #expect(try await store.changes(.ann).count == 3)
        }
    }

    @Test("Rules stand readably, and are replaced only by who knows which stand")
    func rules() async throws {
        try await withStore(limits: LoginLimits(policy: .dual, instances: [.web: 3])) { store in
            let rules = store.options.rules(hasReceiver: true)
            #expect(try await store.adoptedRules() == nil)
            for (known, isAdopted) in [("other", false), (nil, true), (nil, false), (rules.digest, true)] {
                let adopted = try await store.adopt(rules, insteadOf: known)
                #expect(adopted == isAdopted, "\(known ?? "none")")
            }
            #expect(try await store.adoptedRules()?.rules == rules)
            #expect(try await store.command("HGET", store.keys.rules, "login.policy").string == "dual")
            #expect(try await store.command("HGET", store.keys.rules, "login.limits").string == "Web=3")
            #expect(try await store.command("HGET", store.keys.rules, "callback").string == "yes")
        }
    }
}
