import PresenceCore
import RedisClient
import Support
import Testing

@testable import PresenceStore

@Suite struct RepeatTests {
    @Test("A login whose reply was lost is repeated: one session, one event, one answer")
    func login() async throws {
        try await withProxy { store, proxy in
            let mac = try await store.loggedIn(.ann, .mac)
            // The first request learns of the Mac; the one that declares it makes the change.
            proxy.cutReplyOnce(whenRequestContains: mac.session.description)
            let login = try await store.loggedIn(.ann, .android)
            #expect(!proxy.isCutPending)
            #expect(login.kicked == [mac.session])
            #expect(try await store.statuses(.ann) == [login.session: .online])
            #expect(try await store.story(.ann) == ["Login/Register", "Login/Register"])
            #expect(try await store.changes(.ann).last?.version == login.version)
        }
    }

    @Test("A disconnect whose reply was lost is repeated: one event, the same answer")
    func disconnect() async throws {
        try await withProxy { store, proxy in
            let login = try await store.loggedIn(.ann, .android)
            proxy.cutReplyOnce(whenRequestContains: login.session.description)
            let answer = try await store.disconnect(.ann, session: login.session)
            #expect(!proxy.isCutPending)
            let version = try #require(try await store.changes(.ann).last?.version)
            #expect(
                answer
                    == SessionAnswer(status: .pushOnline, userStatus: .pushOnline, version: version, superseded: false))
            #expect(try await store.story(.ann) == ["Login/Register", "Disconnect/LinkClose"])
        }
    }

    @Test("A logout whose reply was lost is repeated: one event, the same answer")
    func logout() async throws {
        try await withProxy { store, proxy in
            let login = try await store.loggedIn(.ann, .android)
            proxy.cutReplyOnce(whenRequestContains: login.session.description)
            let answer = try await store.logout(.ann, session: login.session)
            #expect(!proxy.isCutPending)
            let version = try #require(try await store.changes(.ann).last?.version)
            #expect(
                answer == SessionAnswer(status: .offline, userStatus: .offline, version: version, superseded: false))
            #expect(try await store.story(.ann) == ["Login/Register", "Logout/Unregister"])
        }
    }

    @Test("A kick whose reply was lost is repeated: one event a session, the same answer")
    func kick() async throws {
        try await withProxy { store, proxy in
            let login = try await store.loggedIn(.ann, .android)
            proxy.cutReplyOnce(whenRequestContains: login.session.description)
            let answer = try await store.kick(.ann)
            #expect(!proxy.isCutPending)
            #expect(answer.kicked == [login.session])
            #expect(answer.userStatus == .offline)
            #expect(try await store.changes(.ann).last?.version == answer.version)
            #expect(try await store.story(.ann) == ["Login/Register", "Logout/Kicked"])
        }
    }

    private func withProxy(_ body: (PresenceStore, FaultProxy) async throws -> Void) async throws {
        try await RedisServer.withRedis { server in
            // Known scripts go by digest: the request that is cut is the one that takes effect.
            try await server.withClient { redis in
                _ = try await redis.replies(
                    Scripts.all.map { RedisCommand(keyless: "SCRIPT", "LOAD", $0.script.source) })
            }
            try await FaultProxy.withProxy(to: server.port) { proxy in
                try await RedisClient.with(proxy.url) { redis in
                    let keys = KeySpace(prefix: "test", shards: 2)
                    try await body(PresenceStore(redis: redis, keys: keys, options: StoreOptions(worker: "a")), proxy)
                }
            }
        }
    }

    @Test("A repeated login gets its first answer, also after its session was displaced")
    func loginDisplacedInBetween() async throws {
        try await withStore { store in
            let mac = try await store.loggedIn(.ann, .mac)
            let session = SessionID(platform: .android, instance: .unnamed, generation: .random())
            let call = store.loginCall(.ann, session, declared: [mac.session])
            let first = try await store.run([call])[0].get()
            #expect(first.word == .accepted)
            let web = try await store.loggedIn(.ann, .web)
            #expect(web.kicked == [session])
            let before = try await store.digest()
            let second = try await store.run([call])[0].get()
            #expect(second.word == .accepted)
            #expect(second.texts == first.texts)
            #expect(try await store.digest() == before)
        }
    }

    @Test("A repeated kick gets its first answer, and spares who logged in since")
    func kickThenLogin() async throws {
        try await withStore { store in
            let mac = try await store.loggedIn(.ann, .mac)
            let call = store.kickCall(.ann, declared: [mac.session])
            let first = try await store.run([call])[0].get()
            #expect(first.word == .kicked)
            let web = try await store.loggedIn(.ann, .web)
            let second = try await store.run([call])[0].get()
            #expect(second.word == .kicked)
            #expect(second.texts == first.texts)
            #expect(try await store.statuses(.ann) == [web.session: .online])
            #expect(try await store.story(.ann) == ["Login/Register", "Logout/Kicked", "Login/Register"])
        }
    }

    @Test("Every one of many logins of one device that are repeated is done once, and gets its first answer")
    func remembered() async throws {
        try await withStore { store in
            var calls: [ScriptCall<LoginWord>] = []
            var answers: [[String]] = []
            for _ in 0..<20 {
                let declared = try await store.presence(.ann).sessions.map(\.id)
                let session = SessionID(platform: .web, instance: .unnamed, generation: .random())
                calls.append(store.loginCall(.ann, session, declared: declared))
                answers.append(try await store.run([calls[calls.count - 1]])[0].get().texts)
            }
            let before = try await store.digest()
            #expect(try await store.run(calls).map { try $0.get().texts } == answers)
            #expect(try await store.digest() == before)
        }
    }

    @Test("A repeated kick that ended nobody spares who logged in since")
    func kickOfNobody() async throws {
        try await withStore { store in
            let call = store.kickCall(.ann, declared: [])
            let first = try await store.run([call])[0].get()
            let web = try await store.loggedIn(.ann, .web)
            #expect(try await store.run([call])[0].get().texts == first.texts)
            #expect(try await store.statuses(.ann) == [web.session: .online])
        }
    }
}
