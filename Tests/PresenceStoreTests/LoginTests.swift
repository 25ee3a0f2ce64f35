import PresenceCore
import RedisClient
import Testing

@testable import PresenceStore

@Suite struct LoginTests {
    @Test("A login is seen at once, with its event and its timer")
    func first() async throws {
        try await withStore { store in
            let login = try await store.loggedIn(.ann, .android)
            #expect(login.userStatus == .online)
            #expect(login.kicked == [])
            #expect(login.heartbeat == .app)
            let presence = try await store.presence(.ann)
            #expect(presence.status == .online)
            #expect(presence.version == login.version)
            #expect(presence.changedAtMs == login.version)
            #expect(presence.sessions.map(\.id) == [login.session])
            let change = try #require(try await store.changes(.ann).first)
            #expect(
                change
                    == StatusChange(
                        id: "\(login.session.generation)-\(login.version)", user: .ann, version: login.version,
                        previous: 0,
                        atMs: login.version, action: .login, reason: .register, session: login.session,
                        status: .online, userStatus: .online))
            try await store.expectDeadline(of: .ann, atEndOf: store.keys.lease(.ann, login.session))
        }
    }

    @Test("A login that displaces others ends them, timers and all, in one event")
    func kick() async throws {
        try await withStore(limits: LoginLimits(policy: .dual)) { store in
            let phone = try await store.loggedIn(.ann, .iPhone)
            _ = try await store.disconnect(.ann, session: phone.session)
            let web = try await store.loggedIn(.ann, .web)
            let mac = try await store.loggedIn(.ann, .mac)
            #expect(mac.kicked == [phone.session])
            #expect(try await store.statuses(.ann) == [web.session: .online, mac.session: .online])
            #expect(try await store.changes(.ann).last?.kicked == [phone.session])
            #expect(
                try await store.story(.ann)
                    == ["Login/Register", "Disconnect/LinkClose", "Login/Register", "Login/Register"])
            #expect(try await store.command(["EXISTS"] + store.timerKeys(.ann, [phone.session])).int == 0)
        }
    }

    @Test("The oldest login goes first, also of those within one millisecond, and after the clock stepped back")
    func order() async throws {
        try await withStore(limits: LoginLimits(policy: .dual, instances: [.mac: 3])) { store in
            let ahead = Int(try await store.nowMs()) + 3_600_000
            try await store.command("HSET", store.keys.user(.ann), "version", "\(ahead)")
            var macs: [SessionID] = []
            for instance in ["2", "3", "1"] { macs.append(try await store.loggedIn(.ann, .mac, instance).session) }
            let sessions = try await store.presence(.ann).sessions
            #expect(sessions.map(\.id) == macs)
            #expect(sessions.map(\.loginAtMs) == [ahead + 1, ahead + 2, ahead + 3])
            #expect(try await store.loggedIn(.ann, .mac, "4").kicked == [macs[0]])
            #expect(try await store.loggedIn(.ann, .mac, "0").kicked == [macs[1]])
        }
    }

    @Test("A client that reconnects before its old connection closed causes no Disconnect")
    func reconnect() async throws {
        try await withStore { store in
            let old = try await store.loggedIn(.ann, .web)
            let new = try await store.loggedIn(.ann, .web)
            #expect(new.kicked == [])
            let late = try await store.disconnect(.ann, session: old.session)
            #expect(late.superseded)
            #expect(try await store.statuses(.ann) == [new.session: .online])
            #expect(try await store.story(.ann) == ["Login/Register", "Login/Register"])
            #expect(try await store.command(["EXISTS"] + store.timerKeys(.ann, [old.session])).int == 0)
        }
    }

    @Test("A new login of a device reachable by push ends that timer")
    func backFromPush() async throws {
        try await withStore { store in
            let old = try await store.loggedIn(.ann, .iPad)
            _ = try await store.disconnect(.ann, session: old.session)
            let new = try await store.loggedIn(.ann, .iPad)
            #expect(try await store.command(["EXISTS"] + store.timerKeys(.ann, [old.session])).int == 0)
            #expect(try await store.statuses(.ann) == [new.session: .online])
        }
    }

    @Test("Under reject the newcomer is told who stands in the way, and nothing changes")
    func reject() async throws {
        let limits = LoginLimits(policy: .triple, onLimit: .reject)
        try await withStore(limits: limits) { store in
            let mac = try await store.loggedIn(.ann, .mac)
            let web = try await store.loggedIn(.ann, .web)
            let before = try await store.digest()
            guard case .rejected(let inTheWay) = try await store.login(.ann, platform: .linux, instance: .unnamed)
            else { throw Unexpected("the login was accepted") }
            #expect(inTheWay == [mac.session])
            #expect(try await store.digest() == before)
            _ = try await store.loggedIn(.ann, .mac)
            _ = try await store.logout(.ann, session: web.session)
            _ = try await store.loggedIn(.ann, .miniProgram)
        }
    }

    @Test("A login knows the sessions that end for it: it runs one script, whoever was there")
    func oneScript() async throws {
        try await withStore { store in
            try await store.loggedIn(.ann, .web)
            for platform in [Platform.web, .mac, .mac] {
                try await store.command("CONFIG", "RESETSTAT")
                try await store.loggedIn(.ann, platform)
                let stats = try #require(try await store.command("INFO", "commandstats").string)
                #expect(stats.contains("cmdstat_evalsha:calls=1,"))
            }
        }
    }

    @Test("A login that has not declared a session it would end changes nothing")
    func stale() async throws {
        try await withStore { store in
            let old = try await store.loggedIn(.ann, .mac)
            let before = try await store.digest()
            let newcomer = SessionID(platform: .android, instance: .unnamed, generation: .random())
            let undeclared = try await store.run([store.loginCall(.ann, newcomer)])[0].get()
            #expect(undeclared.word == .stale)
            #expect(try await store.digest() == before)
            let declared = try await store.run([store.loginCall(.ann, newcomer, declared: [old.session])])[0].get()
            #expect(declared.word == .accepted)
            #expect(try declared.sessions(from: 2) == [old.session])
        }
    }

    @Test("The record of a user without sessions stays for a while, and a login keeps it")
    func retention() async throws {
        try await withStore { store in
            let login = try await store.loggedIn(.ann, .web)
            #expect(try await store.ttl(store.keys.user(.ann)) == -1)
            let logout = try await store.logout(.ann, session: login.session)
            let left = try #require(try await store.ttl(store.keys.user(.ann)))
            #expect((604_700_000...604_800_000).contains(left))
            #expect(try await store.presence(.ann).version == logout.version)
            #expect(try await store.deadline(.ann) == nil)
            _ = try await store.loggedIn(.ann, .web)
            #expect(try await store.ttl(store.keys.user(.ann)) == -1)
        }
    }

    @Test("A user nobody knows is Offline, with nothing on record")
    func unknown() async throws {
        try await withStore { store in
            let presence = try await store.presence(.bob)
            #expect(presence.status == .offline)
            #expect(presence.version == 0)
            #expect(presence.changedAtMs == nil)
        }
    }

    @Test("A version grows even where Redis' clock was set back")
    func clockSetBack() async throws {
        try await withStore { store in
            let first = try await store.loggedIn(.ann, .web)
            let ahead = first.version + 3_600_000
            try await store.command("HSET", store.keys.user(.ann), "version", String(ahead))
            let second = try await store.loggedIn(.ann, .web)
            #expect(second.version == ahead + 1)
            #expect(try await store.changes(.ann).last?.previous == ahead)
        }
    }
}
