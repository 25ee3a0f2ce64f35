import PresenceCore
import RedisClient
import Support
import Testing

@testable import PresenceStore

@Suite struct PermissionTests {
    /// Rules that are asked for neither at the start nor for hints.
    private static let optional: Set<String> = ["+client|setname"]
    private static let hints: Set<String> = [
        "&presence:*", "&__keyspace@0__:presence:*", "+publish", "+subscribe", "+unsubscribe", "+spublish",
        "+ssubscribe", "+sunsubscribe",
    ]
    private static let ofClusters: Set<String> = [
        "+role", "+asking", "+cluster|slots", "+spublish", "+ssubscribe", "+sunsubscribe",
    ]

    /// Runs the body with a store of the documented Redis user, and with one of the default user.
    private func withUser(
        inCluster: Bool = false, _ body: (_ store: PresenceStore, _ admin: PresenceStore) async throws -> Void
    ) async throws {
        func with(_ url: String, _ serviceURL: String) async throws {
            let keys = KeySpace(prefix: "presence", shards: 2)
            try await RedisClient.with(url) { admin in
                try await RedisClient.with(serviceURL) { redis in
                    let store = PresenceStore(redis: redis, keys: keys, options: StoreOptions(worker: "a"))
                    try await body(store, store.asWorker("a", on: admin))
                }
            }
        }
        let arguments = ["--enable-debug-command", "yes"]
        guard inCluster else {
            return try await RedisServer.withRedis(arguments) { try await with($0.url, $0.serviceURL) }
        }
        try await RedisCluster.withCluster(masters: 1, arguments: arguments) { try await with($0.url, $0.serviceURL) }
    }

    @Test("The documented rules are those the service asks for, no more and no fewer", arguments: [false, true])
    func exact(inCluster: Bool) async throws {
        #expect(RedisServer.serviceRules.count > 30)
        let notNeeded = Self.optional.union(inCluster ? ["+publish"] : Self.ofClusters)
        try await withUser(inCluster: inCluster) { store, admin in
            #expect(try await store.missingPermissions() == [])
            #expect(try await store.missingHintPermissions() == [])
            #expect(try await store.complaintAboutPermissions() == nil)
            for rule in Set(RedisServer.serviceRules).subtracting(notNeeded) {
                let opposite =
                    rule.hasPrefix("+") ? "-\(rule.dropFirst())" : rule.hasPrefix("~") ? "resetkeys" : "resetchannels"
                try await admin.command("ACL", "SETUSER", "presence", opposite)
                let missing = try await missing(of: store)
                let named = (Self.hints.contains(rule) ? missing.hints : missing.needed).split(separator: " ")
                #expect(named.contains(rule[...]), "without \(rule) there are missing \(missing)")
                try await admin.command(["ACL", "SETUSER", "presence"] + RedisServer.serviceRules)
            }
            #expect(try await store.missingPermissions() == [])
        }
    }

    /// What the server names; from its refusal where the question itself is not allowed.
    private func missing(of store: PresenceStore) async throws -> (needed: String, hints: String) {
        let complaint = try await store.complaintAboutPermissions()?.message ?? ""
        return (complaint, complaint.isEmpty ? try await store.missingHintPermissions().joined() : "")
    }

    @Test("A user with the documented rules can do all there is to do")
    func suffices() async throws {
        try await withUser { store, _ in
            _ = try await store.redis.checkServer()
            try await ScriptKeysTests.live(.ann, in: store)
            #expect(await store.presences(of: [.ann, .bob]).count == 2)
            #expect(try await store.counts().users.count >= 0)
            #expect(await store.ended(among: []).failed.isEmpty)
            try await store.unregister()
        }
    }

    @Test(
        "A change that Redis does not allow in full is not made at all",
        arguments: [
            "xadd", "zadd", "zrem", "hset", "hdel", "hincrby", "set", "del", "pexpire", "persist",
        ])
    func whole(_ command: String) async throws {
        try await withUser { store, admin in
            let phone = try await store.loggedIn(.ann, .iPhone)
            let web = try await store.loggedIn(.bob, .web)
            try await store.silence(.bob, web.session)
            try await store.sweepAll()
            let before = try await admin.digest()
            try await admin.command("ACL", "SETUSER", "presence", "-\(command)")
            for change in [
                { _ = try await store.loggedIn(.ann, .iPad) }, { _ = try await store.kick(.ann) },
                { _ = try await store.logout(.ann, session: phone.session) },
                { _ = try await store.disconnect(.ann, session: phone.session) },
            ] as [() async throws -> Void] {
                let error = await #expect(throws: StoreError.self) { try await change() }
                #expect(error?.message == "The Redis user may not run \(command). Add +\(command) to its ACL.")
            }
            #expect(await store.settle([.bob]).settled == 0)
            #expect(try await admin.digest() == before)
            try await admin.command("ACL", "SETUSER", "presence", "+\(command)")
            #expect(try await store.kick(.ann).kicked == [phone.session])
            #expect(await store.settle([.bob]).settled == 1)
        }
    }

    @Test("A change is not made at all either where a key holds something else", arguments: ["events", "deadlines"])
    func otherType(_ name: String) async throws {
        try await withUser { store, admin in
            let phone = try await store.loggedIn(.ann, .iPhone)
            let shard = store.keys.shard(of: .ann)
            let key = name == "events" ? store.keys.events(shard) : store.keys.deadlines(shard)
            try await admin.command("SET", key, "x")
            let before = try await admin.digest()
            for change in [
                { _ = try await store.loggedIn(.ann, .iPad) }, { _ = try await store.kick(.ann) },
                { _ = try await store.logout(.ann, session: phone.session) },
            ] as [() async throws -> Void] {
                let error = await #expect(throws: StoreError.self) { try await change() }
                #expect(error?.code == .corrupt)
            }
            #expect(try await admin.digest() == before)
        }
    }

    @Test("A key of the service that the user may not use is missed, also where the others are allowed")
    func keysOfEachKind() async throws {
        try await withUser { store, admin in
            try await admin.command(
                "ACL", "SETUSER", "presence", "resetkeys", "~presence:meta", "~presence:rules", "~presence:workers")
            #expect(try await store.missingPermissions() == ["~presence:*"])
        }
    }

    @Test("A command that is forbidden is an error that names the rule to add")
    func forbidden() async throws {
        try await withUser { store, admin in
            let web = try await store.loggedIn(.ann, .web)
            try await admin.command("ACL", "SETUSER", "presence", "-hgetall", "-pexpire")
            for call in [
                { _ = try await store.presence(.ann) },
                { _ = try await store.loggedIn(.ann, .web) },
                {
                    let beat = UserSession(user: .ann, session: web.session)
                    if let failed = await store.heartbeat([beat]).failed.first { throw failed.error }
                },
            ] as [() async throws -> Void] {
                let error = await #expect(throws: StoreError.self) { try await call() }
                #expect(error?.code == .unavailable)
                #expect(error?.message.contains(/Add \+(hgetall|pexpire) to its ACL/) == true)
            }
            // Of what a script may not run, Redis 7.0 does not say the name.
            let error = await #expect(throws: StoreError.self) { try await store.logout(.ann, session: web.session) }
            #expect(error?.isForbidden == true)
            #expect(error?.message.contains(/Add \+hgetall to its ACL|Give it the ACL of RedisDeployments/) == true)
        }
    }
}

@Suite struct AnswerWordTests {
    @Test(
        "An answer that is none of the script's is an error of the call, not a damaged record",
        arguments: [
            RedisValue.array([.string("accepted-2")]), .array([]), .array([.integer(1)]), .string("OK"), .null,
            .array([.string("accepted"), .null]),
        ])
    func unknown(_ value: RedisValue) {
        let error = #expect(throws: StoreError.self) { try ScriptAnswer(value, from: Scripts.login) }
        #expect(error?.code == .unavailable)
    }

    @Test(
        "An error reply that proves nothing is an error of the call",
        arguments: [
            "ERR unknown command", "CROSSSLOT Keys in request don't hash to the same slot", "NOVEL word",
        ])
    func errors(_ reply: String) {
        let value = RedisValue.error(RedisReplyError(message: reply))
        let error = #expect(throws: StoreError.self) { try ScriptAnswer(value, from: Scripts.revive) }
        #expect(error?.code == .unavailable)
    }
}
