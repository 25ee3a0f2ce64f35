import PresenceCore
import Testing

@testable import PresenceStore

@Suite struct EndTests {
    static let closed: [(Platform, Status)] = [
        (.android, .pushOnline), (.iPhone, .pushOnline), (.iPad, .pushOnline), (.windows, .offline), (.mac, .offline),
        (.linux, .offline), (.web, .offline), (.miniProgram, .offline),
    ]

    @Test("A closed connection leaves who has push reachable, and everybody else Offline", arguments: closed)
    func disconnect(_ platform: Platform, _ status: Status) async throws {
        try await withStore { store in
            let login = try await store.loggedIn(.ann, platform)
            let answer = try await store.disconnect(.ann, session: login.session)
            #expect(answer.status == status)
            #expect(answer.userStatus == status)
            #expect(answer.version > login.version)
            #expect(!answer.superseded)
            #expect(try await store.statuses(.ann) == (status == .offline ? [:] : [login.session: status]))
            #expect(try await store.disconnect(.ann, session: login.session) == answer)
            #expect(try await store.story(.ann) == ["Login/Register", "Disconnect/LinkClose"])
            let change = try #require(try await store.changes(.ann).last)
            #expect(change.status == status)
            #expect(change.session == login.session)
        }
    }

    @Test("A logout is Offline on every platform, online or not", arguments: closed)
    func logout(_ platform: Platform, _ status: Status) async throws {
        try await withStore { store in
            let online = try await store.loggedIn(.ann, platform)
            let answer = try await store.logout(.ann, session: online.session)
            #expect(answer.status == .offline)
            #expect(answer.userStatus == .offline)
            #expect(try await store.logout(.ann, session: online.session) == answer)
            #expect(try await store.story(.ann) == ["Login/Register", "Logout/Unregister"])

            let closed = try await store.loggedIn(.bob, platform)
            _ = try await store.disconnect(.bob, session: closed.session)
            #expect(try await store.logout(.bob, session: closed.session).userStatus == .offline)
            let last = status == .pushOnline ? ["Logout/Unregister"] : []
            #expect(try await store.story(.bob) == ["Login/Register", "Disconnect/LinkClose"] + last)
            #expect(try await store.counts().users.values.allSatisfy { $0 == 0 })
        }
    }

    @Test("The end of a session that never was, or of another user's, changes nothing")
    func strangers() async throws {
        try await withStore { store in
            let ann = try await store.loggedIn(.ann, .web)
            let before = try await store.digest()
            for session in [ann.session, .never("Web:1"), .never("Android:9")] {
                for answer in [
                    try await store.disconnect(.bob, session: session), try await store.logout(.bob, session: session),
                ] {
                    #expect(
                        answer == SessionAnswer(status: .offline, userStatus: .offline, version: 0, superseded: false))
                }
            }
            #expect(try await store.digest() == before)
        }
    }

    @Test("The end of an older generation changes nothing of the newer one")
    func superseded() async throws {
        try await withStore { store in
            let old = try await store.loggedIn(.ann, .android)
            let new = try await store.loggedIn(.ann, .android)
            let before = try await store.digest()
            for answer in [
                try await store.disconnect(.ann, session: old.session),
                try await store.logout(.ann, session: old.session),
            ] {
                #expect(answer.superseded)
                #expect(answer.status == .offline)
                #expect(answer.userStatus == .online)
                #expect(answer.version == new.version)
            }
            #expect(try await store.digest() == before)
        }
    }

    @Test("A kick ends what it names: all sessions, those of a platform, or of an instance")
    func kick() async throws {
        let limits = LoginLimits(policy: .multi, instances: [.web: 3])
        try await withStore(limits: limits) { store in
            let phone = try await store.loggedIn(.ann, .android, "x")
            let one = try await store.loggedIn(.ann, .web, "x")
            let two = try await store.loggedIn(.ann, .web, "y")
            let mini = try await store.loggedIn(.ann, .miniProgram, "x")

            let instance = try await store.kick(.ann, platform: .web, instance: InstanceID("y"), note: "spam, twice")
            #expect(instance.kicked == [two.session])
            #expect(try await store.changes(.ann).last?.note == "spam, twice")
            let platform = try await store.kick(.ann, platform: .miniProgram)
            #expect(platform.kicked == [mini.session])
            #expect(platform.userStatus == .online)
            let all = try await store.kick(.ann, instance: InstanceID("x"))
            #expect(Set(all.kicked) == [phone.session, one.session])
            #expect(all.userStatus == .offline)
            #expect(try await store.story(.ann).suffix(4).allSatisfy { $0 == "Logout/Kicked" })
            #expect(try await store.presence(.ann).sessions == [])
            #expect(await store.gone(among: [UserSession(user: .ann, session: phone.session)]).count == 1)
        }
    }

    @Test("A kick of nobody is no event, and no change of the user")
    func kickOfNobody() async throws {
        try await withStore { store in
            let login = try await store.loggedIn(.ann, .web)
            let answer = try await store.kick(.ann, platform: .mac)
            #expect(answer == KickAnswer(userStatus: .online, version: login.version, kicked: []))
            #expect(try await store.kick(.bob) == KickAnswer(userStatus: .offline, version: 0, kicked: []))
            #expect(try await store.statuses(.ann) == [login.session: .online])
            #expect(try await store.presence(.bob).version == 0)
            #expect(try await store.story(.ann) == ["Login/Register"])
            for user in [UserID.ann, .bob] {
                #expect(try #require(try await store.ttl(store.keys.recent(user))) > 0)
            }
        }
    }

    @Test("Counts, backlog or memory of a user damaged by hand are no error of a change: it is made, and said to be")
    func damaged() async throws {
        try await withStore(shards: 1, limits: LoginLimits(policy: .multi)) { store in
            let damages = [
                ["HSET", store.keys.counts(0), "Online:Web", "abc"], ["SET", store.keys.counts(0), "x"],
                ["HSET", store.keys.cursor(0), "backlog", "abc"], ["SET", store.keys.recent(.ann), "x"],
            ]
            for damage in damages {
                func harm() async throws {
                    try await store.command("DEL", damage[1])
                    try await store.command(damage)
                }
                try await harm()
                let web = try await store.loggedIn(.ann, .web)
                try await harm()
                #expect(try await store.disconnect(.ann, session: web.session).status == .offline, "\(damage)")
                let mac = try await store.loggedIn(.ann, .mac)
                try await harm()
                #expect(try await store.logout(.ann, session: mac.session).userStatus == .offline, "\(damage)")
                try await store.loggedIn(.ann, .web)
                try await harm()
                #expect(try await store.kick(.ann).kicked.count == 1, "\(damage)")
                #expect(try await store.presence(.ann).status == .offline)
            }
            let changes = try await store.changes(.ann)
            #expect(changes.count == 6 * damages.count)
            #expect(zip(changes, changes.dropFirst()).allSatisfy { $0.version == $1.previous })
        }
    }

    @Test("The client's address comes with the event of its end, a blank in it or not")
    func address() async throws {
        try await withStore { store in
            let details = try ClientDetails(address: "proxy for 10.0.0.7")
            _ = try await store.login(.ann, platform: .web, instance: .unnamed, details: details)
            _ = try await store.kick(.ann)
            #expect(try await store.changes(.ann).map(\.address) == ["proxy for 10.0.0.7", "proxy for 10.0.0.7"])
        }
    }
}
