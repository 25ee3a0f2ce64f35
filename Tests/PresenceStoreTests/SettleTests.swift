import PresenceCore
import RedisClient
import Support
import Testing

@testable import PresenceStore

@Suite struct SettleTests {
    static let silences: [(Platform, Status, String)] = [
        (.android, .pushOnline, "Disconnect/TimeOut"), (.iPhone, .pushOnline, "Disconnect/TimeOut"),
        (.iPad, .pushOnline, "Disconnect/TimeOut"), (.windows, .offline, "Disconnect/TimeOut"),
        (.mac, .offline, "Disconnect/TimeOut"), (.linux, .offline, "Disconnect/TimeOut"),
        (.web, .offline, "Disconnect/LinkClose"), (.miniProgram, .offline, "Disconnect/LinkClose"),
    ]

    @Test("A client that fell silent is settled once, by the rules of its platform", arguments: silences)
    func silence(_ platform: Platform, _ status: Status, _ event: String) async throws {
        try await withStore { store in
            let login = try await store.loggedIn(.ann, platform)
            try await store.sweepAll()
            #expect(await store.settle([.ann]).settled == 0)
            try await store.silence(.ann, login.session)
            #expect(try await store.presence(.ann).status == .online)
            #expect(await store.settle([.ann]).settled == 1)
            #expect(await store.settle([.ann]).settled == 0)
            #expect(try await store.presence(.ann).status == status)
            #expect(try await store.story(.ann) == ["Login/Register", event])
            #expect(try await store.changes(.ann).last?.userStatus == status)
        }
    }

    @Test("Only sessions whose timers ended are settled, each with an event")
    func several() async throws {
        try await withStore(limits: LoginLimits(policy: .multi)) { store in
            let web = try await store.loggedIn(.ann, .web)
            let mac = try await store.loggedIn(.ann, .mac)
            let phone = try await store.loggedIn(.ann, .iPhone)
            try await store.sweepAll()
            for session in [web.session, phone.session] { try await store.silence(.ann, session) }
            #expect(await store.settle([.bob, .ann]).settled == 2)
            #expect(try await store.statuses(.ann) == [mac.session: .online, phone.session: .pushOnline])
            let settled = try await store.changes(.ann).suffix(2)
            #expect(Set(settled.map(\.session)) == [web.session, phone.session])
            #expect(Set(settled.map(\.id)).count == 2)
            #expect(settled.map(\.userStatus) == [.online, .online])
        }
    }

    @Test("Seven days after PushOnline a session ends, once")
    func expired() async throws {
        try await withStore { store in
            let login = try await store.loggedIn(.ann, .android)
            _ = try await store.disconnect(.ann, session: login.session)
            try await store.sweepAll()
            #expect(await store.settle([.ann]).settled == 0)
            try await store.silence(.ann, login.session)
            #expect(await store.settle([.ann]).settled == 1)
            #expect(await store.settle([.ann]).settled == 0)
            #expect(try await store.presence(.ann).status == .offline)
            #expect(try await store.story(.ann) == ["Login/Register", "Disconnect/LinkClose", "Logout/Expired"])
            #expect(try await store.deadline(.ann) == nil)
        }
    }

    @Test("During a grace period nobody who was there when it began is settled as lost, each for its platform's time")
    func grace() async throws {
        try await withStore(limits: LoginLimits(policy: .multi)) { store in
            let web = try await store.loggedIn(.ann, .web)
            let phone = try await store.loggedIn(.bob, .iPhone)
            try await store.sweepAll()
            for (user, session) in [(UserID.ann, web.session), (.bob, phone.session)] {
                try await store.silence(user, session)
            }
            func begin(agoMs: Int64) async throws {
                for shard in 0..<store.keys.shards {
                    let began = try await max(Int64(phone.version), store.nowMs()) - agoMs
                    try await store.command("SET", store.keys.grace(shard), "\(began)", "PX", "150000")
                }
            }
            let login = Int64(max(web.version, phone.version))
            try await eventually(else: "the clock stands still") { try await store.nowMs() > login }
            try await begin(agoMs: 0)
            #expect(await store.settle([.ann, .bob]).settled == 0)
            for (user, graceMs) in [(UserID.ann, Int64(31_250)), (.bob, 150_000)] {
                let left = try #require(try await store.deadline(user)) - Int64(try await store.nowMs())
                #expect((graceMs - 5_000...graceMs).contains(left))
            }
            #expect(await store.gone(among: [UserSession(user: .bob, session: phone.session)]) == [])
            for shard in 0..<store.keys.shards { try await store.command("DEL", store.keys.grace(shard)) }
            #expect(await store.settle([.ann, .bob]).settled == 1)
        }
    }

    @Test("During a grace period who logged in since it began is settled as always")
    func loginInGrace() async throws {
        try await withStore(limits: LoginLimits(policy: .multi)) { store in
            let before = try await store.loggedIn(.ann, .mac)
            try await store.sweepAll()
            try await store.command(
                "SET", store.keys.grace(store.keys.shard(of: .ann)), "\(before.version)", "PX", "50000")
            try await eventually(else: "the clock stands still") { try await store.nowMs() > before.version }
            let since = try await store.loggedIn(.ann, .web)
            for session in [before.session, since.session] { try await store.silence(.ann, session) }
            #expect(await store.settle([.ann]).settled == 1)
            #expect(try await store.statuses(.ann) == [before.session: .online])
        }
    }

    @Test("After an outage nobody is settled before a sweep has seen it and given grace")
    func outage() async throws {
        try await withStore(shards: 1) { store in
            let login = try await store.loggedIn(.ann, .web)
            try await store.silence(.ann, login.session)
            #expect(await store.settle([.ann]).settled == 0)
            let fences = try await store.owned([0])
            let before = try await store.nowMs() - 16_000
            try await store.command("HSET", store.keys.owner(0), "swept", String(before))
            #expect(await store.settle([.ann]).settled == 0)
            _ = try await store.tended(fences)
            #expect(await store.settle([.ann]).settled == 0)
            #expect(await store.gone(among: [UserSession(user: .ann, session: login.session)]) == [])
            try await store.command("DEL", store.keys.grace(0))
            #expect(await store.settle([.ann]).settled == 0)
            #expect(try await store.presence(.ann).status == .online)
        }
    }

    @Test("A session logged in after the sweep read the user is left alone, and swept again at once")
    func loginInBetween() async throws {
        try await withStore(limits: LoginLimits(policy: .multi)) { store in
            let mac = try await store.loggedIn(.ann, .mac)
            let old = try await store.loggedIn(.ann, .web)
            try await store.sweepAll()
            try await store.silence(.ann, mac.session)
            try await store.silence(.ann, old.session)
            let call = try await store.settleCalls(.ann)[0]
            let again = try await store.loggedIn(.ann, .web)
            let phone = try await store.loggedIn(.ann, .iPhone)
            for session in [again.session, phone.session] { try await store.silence(.ann, session) }
            let answer = try await store.run([call])[0].get()
            #expect(SettledSession.all(in: answer.texts[0]).count == 1)
            #expect(try await store.statuses(.ann) == [again.session: .online, phone.session: .online])
            #expect(try #require(try await store.deadline(.ann)) <= (try await store.nowMs()))
            #expect(await store.settle([.ann]).settled == 2)
        }
    }

    @Test("A heartbeat after the sweep read the user keeps the session")
    func heartbeatInBetween() async throws {
        try await withStore { store in
            let login = try await store.loggedIn(.ann, .web)
            try await store.sweepAll()
            try await store.silence(.ann, login.session)
            let call = try await store.settleCalls(.ann)[0]
            #expect(await store.gone(among: [UserSession(user: .ann, session: login.session)]) == [])
            #expect(try await store.run([call])[0].get().texts == [""])
            #expect(try await store.presence(.ann).status == .online)
        }
    }

    @Test("The deadline is re-armed to the first timer that is left, and leaves with the last")
    func deadline() async throws {
        try await withStore(limits: LoginLimits(policy: .multi)) { store in
            let web = try await store.loggedIn(.ann, .web)
            let mac = try await store.loggedIn(.ann, .mac)
            let deadlines = store.keys.deadlines(store.keys.shard(of: .ann))
            try await store.sweepAll()
            try await store.command("ZADD", deadlines, "1", "ann", "1", "bob")
            #expect(await store.settle([.ann, .bob]).settled == 0)
            try await store.expectDeadline(of: .ann, atEndOf: store.keys.lease(.ann, web.session))
            #expect(try await store.deadline(.bob) == nil)

            try await store.silence(.ann, web.session)
            #expect(await store.settle([.ann]).settled == 1)
            try await store.expectDeadline(of: .ann, atEndOf: store.keys.lease(.ann, mac.session))

            try await store.silence(.ann, mac.session)
            #expect(await store.settle([.ann]).settled == 1)
            #expect(try await store.deadline(.ann) == nil)
        }
    }

    @Test("A client that fell silent is due again at the end of its time to be reached by push")
    func pushDeadline() async throws {
        try await withStore { store in
            let phone = try await store.loggedIn(.ann, .iPhone)
            try await store.sweepAll()
            try await store.silence(.ann, phone.session)
            #expect(await store.settle([.ann]).settled == 1)
            try await store.expectDeadline(of: .ann, atEndOf: store.keys.push(.ann, phone.session))
        }
    }

    @Test("A record that cannot be read holds up nobody else: it is named and put off for a minute, however overdue")
    func corruptNeighbour() async throws {
        try await withStore { store in
            let login = try await store.loggedIn(.ann, .web)
            try await store.command("HSET", store.keys.user(.bob), "Web:1", "nonsense")
            try await store.command("ZADD", store.keys.deadlines(store.keys.shard(of: .bob)), "1", "bob")
            try await store.sweepAll()
            try await store.silence(.ann, login.session)
            let answer = await store.settle([.bob, .ann])
            #expect(answer.settled == 1 && answer.unreadable == [.bob])
            let left = try #require(try await store.deadline(.bob)) - Int64(try await store.nowMs())
            #expect((50_000...60_000).contains(left))
        }
    }
}
