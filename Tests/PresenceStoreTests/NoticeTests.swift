import PresenceCore
import RedisClient
import Support
import Testing

@testable import PresenceStore

@Suite(.timeLimit(.minutes(1))) struct NoticeTests {
    @Test("The worker that holds a session's socket is told once what ended it, and by whom")
    func told() async throws {
        try await withStore(limits: LoginLimits(policy: .dual)) { store in
            let other = store.asWorker("b c")
            var heard = Heard(store, workers: ["a", "b c"])
            try await heard.start()

            let mac = try await store.loggedIn(.ann, .mac, link: 1)
            let phone = try await other.loggedIn(.ann, .iPhone, link: 2)
            try await heard.expect("a", "1 displaced \(phone.session)")
            #expect(try await store.resume(.ann, session: mac.session, link: 3) == .ended(by: phone.session))

            let again = try await store.loggedIn(.ann, .iPhone, link: 4)
            try await heard.expect("b%20c", "2 displaced \(again.session)")
            for _ in 1...2 { _ = try await other.resume(.ann, session: again.session, link: 4) }
            try await heard.expect("a", "4 moved")
            _ = try await other.resume(.ann, session: again.session, link: 5)
            try await heard.expect("b%20c", "4 moved")

            let web = try await store.loggedIn(.ann, .web, link: 6)
            for _ in 1...2 { _ = try await other.logout(.ann, session: web.session) }
            try await heard.expect("a", "6 logout")
            _ = try await store.kick(.ann, note: "no spam, please")
            try await heard.expect("b%20c", "5 kicked no spam, please")
            try await store.loggedIn(.ann, .web, link: 7)
            _ = try await store.kick(.ann)
            try await heard.expect("a", "7 kicked ")
            try await heard.expectNoMore()
        }
    }

    @Test("A session that others disconnect is gone for its socket; one that its socket ends is not told")
    func disconnected() async throws {
        try await withStore { store in
            var heard = Heard(store, workers: ["a"])
            try await heard.start()
            let mac = try await store.loggedIn(.ann, .mac, link: 1)
            for _ in 1...2 { _ = try await store.disconnect(.ann, session: mac.session) }
            try await heard.expect("a", "1 gone")
            try await heard.expectNoMore()
        }
    }

    @Test("Nobody is told of a session without a socket, nor of one that is lost or disconnected")
    func notTold() async throws {
        try await withStore { store in
            var heard = Heard(store, workers: ["a"])
            try await heard.start()
            try await store.loggedIn(.ann, .web)
            let mac = try await store.loggedIn(.ann, .mac)
            _ = try await store.resume(.ann, session: mac.session, link: 1)
            _ = try await store.disconnect(.ann, session: mac.session, link: 1)
            let linux = try await store.loggedIn(.ann, .linux, link: 2)
            try await store.sweepAll()
            try await store.silence(.ann, linux.session)
            #expect(await store.settle([.ann]).settled == 1)
            try await heard.expectNoMore()
        }
    }

    @Test("A login that is repeated has nobody to tell again, least of all its own client")
    func repeated() async throws {
        try await withStore { store in
            let mac = try await store.loggedIn(.ann, .mac, link: 1)
            let session = SessionID(platform: .android, instance: .unnamed, generation: .random())
            let call = store.loginCall(.ann, session, declared: [mac.session])
            let answers = await store.run([call, call])
            #expect(try answers.map { try $0.get().word } == [.accepted, .accepted])
            #expect(try answers.map { try $0.get().notices } == [["a 1 displaced \(session)"], []])
        }
    }

    @Test("A Redis user who may not publish makes every change, whole, and tells nobody")
    func forbidden() async throws {
        try await RedisServer.withRedis { server in
            try await server.withClient { redis in
                let admin = PresenceStore(
                    redis: redis, keys: KeySpace(prefix: "test", shards: 2), options: StoreOptions(worker: "a"))
                try await admin.command("ACL", "SETUSER", "mute", "on", ">mute", "~*", "+@all", "resetchannels")
                var heard = Heard(admin, workers: ["a"])
                try await heard.start()
                try await RedisClient.with("redis://mute:mute@127.0.0.1:\(server.port)") { redis in
                    let store = admin.asWorker("a", on: redis)
                    let mac = try await store.loggedIn(.ann, .mac, link: 1)
                    let web = try await store.loggedIn(.ann, .web, link: 2)
                    #expect(web.kicked == [mac.session])
                    let moved = try await store.resume(.ann, session: web.session, link: 3)
                    #expect(moved == .resumed(version: web.version, heartbeat: web.heartbeat))
                    #expect(try await store.logout(.ann, session: web.session).userStatus == .offline)
                    let phone = try await store.loggedIn(.ann, .iPhone, link: 4)
                    #expect(try await store.kick(.ann).kicked == [phone.session])
                    #expect(
                        try await store.story(.ann) == [
                            "Login/Register", "Login/Register", "Logout/Unregister", "Login/Register", "Logout/Kicked",
                        ])
                    #expect(try await store.counts().users.values.allSatisfy { $0 == 0 })
                }
                try await heard.expectNoMore()
            }
        }
    }

    static let payloads: [(String, Link, Notice.What)] = [
        ("17 displaced Web:default:k3J9", 17, .displaced(by: try! SessionID("Web:default:k3J9"))),
        ("0 kicked no spam, please", 0, .kicked(note: "no spam, please")), ("1 kicked ", 1, .kicked(note: nil)),
        ("1 kicked", 1, .kicked(note: nil)), ("1 kicked  x", 1, .kicked(note: " x")),
        ("1 kicked \u{301}", 1, .kicked(note: "\u{301}")), ("2 logout", 2, .loggedOut), ("3 moved", 3, .moved),
    ]

    @Test("A notice is read as it was told", arguments: payloads)
    func reading(_ payload: String, _ link: Link, _ what: Notice.What) throws {
        let notice = try #require(Notice(payload))
        #expect(notice.link == link)
        #expect(notice.what == what)
    }

    @Test(
        "What no script publishes is no notice",
        arguments: ["", " ", "17", "x moved", "17 ", "17 Moved", "17 displaced", "17 displaced Web:1", "moved 17"])
    func broken(_ payload: String) { #expect(Notice(payload) == nil) }
}

/// What is published on the channels of some workers, in its order.
private struct Heard {
    private let store: PresenceStore
    private var events: AsyncStream<RedisSubscriptionEvent>.Iterator

    init(_ store: PresenceStore, workers: [String]) {
        self.store = store
        events = store.redis.subscribe(to: workers.map { RedisChannel(store.keys.workerChannel($0)) })
            .makeAsyncIterator()
    }

    mutating func start() async throws { #expect(await events.next(isolation: #isolation) == .subscribed) }

    mutating func expect(_ worker: String, _ payload: String) async throws {
        #expect(
            await events.next(isolation: #isolation) == .message(channel: "test:worker:\(worker)", payload: payload))
    }

    /// Redis keeps the order: what was published before would come before.
    mutating func expectNoMore() async throws {
        try await store.command("PUBLISH", "test:worker:a", "the end")
        try await expect("a", "the end")
    }
}
