import PresenceCore
import RedisClient
import Testing

@testable import PresenceStore

@Suite struct ResumeTests {
    @Test("A client that comes back for its session goes on with it, without an event, however often it asks")
    func goesOn() async throws {
        try await withStore { store in
            let login = try await store.loggedIn(.ann, .web, link: 1)
            try await store.command("PEXPIRE", store.keys.lease(.ann, login.session), "1000")
            for _ in 1...2 {
                let answer = try await store.resume(.ann, session: login.session, link: 2)
                #expect(answer == .resumed(version: login.version, heartbeat: login.heartbeat))
            }
            #expect(try await store.statuses(.ann) == [login.session: .online])
            #expect(try await store.presence(.ann).version == login.version)
            #expect(try await store.story(.ann) == ["Login/Register"])
            #expect(try #require(try await store.ttl(store.keys.lease(.ann, login.session))) > 1_000)
        }
    }

    @Test("A session whose lease has ended is resumed as long as it was not settled, with a lease and a deadline")
    func lease() async throws {
        try await withStore { store in
            let login = try await store.loggedIn(.ann, .web, link: 1)
            try await store.silence(.ann, login.session)
            try await store.command("ZREM", store.keys.deadlines(store.keys.shard(of: .ann)), "ann")
            let answer = try await store.resume(.ann, session: login.session, link: 2)
            #expect(answer == .resumed(version: login.version, heartbeat: login.heartbeat))
            try await store.expectDeadline(of: .ann, atEndOf: store.keys.lease(.ann, login.session))
            try await store.sweepAll()
            #expect(await store.settle([.ann]).settled == 0)
        }
    }

    @Test("What the client tells replaces what it told before; the login stays the same")
    func details() async throws {
        try await withStore { store in
            let before = try ClientDetails(address: "10.0.0.7", network: "wifi", version: "8.1")
            guard
                case .accepted(let login) = try await store.login(
                    .ann, platform: .web, instance: InstanceID("1"), details: before, link: 17)
            else { throw Unexpected("the login was refused") }
            let record = "status=Online generation=\(login.session.generation) login=\(login.version) "
            #expect(
                try await store.record(login.session)
                    == record + "worker=a link=17 address=10.0.0.7 network=wifi version=8.1")
            let after = try ClientDetails(address: "10.0.0.8")
            _ = try await store.asWorker("b c").resume(.ann, session: login.session, details: after, link: 4)
            #expect(
                try await store.record(login.session)
                    == record + "worker=b%20c link=4 address=10.0.0.8")
        }
    }

    @Test("A request overtaken by a later one of the same client changes nothing; one of another client counts")
    func late() async throws {
        try await withStore { store in
            func login(_ attempt: String) async throws -> LoginAnswer {
                try await store.login(.ann, platform: .web, instance: .unnamed, link: 1, attempt: Attempt(attempt))
            }
            guard case .accepted(let first) = try await login("me.9") else { throw Unexpected("refused") }
            let resumed = ResumeAnswer.resumed(version: first.version, heartbeat: first.heartbeat)
            func resume(_ attempt: String) async throws -> ResumeAnswer {
                try await store.resume(.ann, session: first.session, link: 2, attempt: Attempt(attempt))
            }
            #expect(try await resume("me.10") == resumed)
            let before = try await store.digest()
            #expect(try await resume("me.9") == .late)
            guard case .late = try await login("me.8") else { throw Unexpected("not late") }
            #expect(try await store.digest() == before)
            for attempt in ["me.10", "me.11", "you.1"] { #expect(try await resume(attempt) == resumed, "\(attempt)") }
            guard case .accepted(let last) = try await login("me.12") else { throw Unexpected("refused") }
            #expect(try await resume("me.13") == .ended(by: last.session))
            _ = try await store.logout(.ann, session: last.session)
            let after = try await store.digest()
            guard case .late = try await login("me.11") else { throw Unexpected("not late, once it is logged out") }
            #expect(try await store.digest() == after)
            guard case .accepted = try await login("me.12") else { throw Unexpected("a repeat is not late") }
        }
    }

    @Test("Who only comes back yields to another client that is Online on the same device, and replaces itself")
    func yields() async throws {
        try await withStore { store in
            func comeBack(_ attempt: String?) async throws -> LoginAnswer {
                try await store.login(
                    .ann, platform: .web, instance: .unnamed, link: 1, attempt: attempt.map { try Attempt($0) },
                    mayDisplace: false)
            }
            guard case .accepted(let mine) = try await comeBack("me.1") else { throw Unexpected("refused") }
            for other in ["you.1", nil] {
                guard case .rejected([mine.session]) = try await comeBack(other) else { throw Unexpected("let in") }
            }
            guard case .accepted = try await comeBack("me.2") else { throw Unexpected("refused") }
            let session = try #require(try await store.presence(.ann).sessions.first?.id)
            try await store.sweepAll()
            try await store.silence(.ann, session)
            #expect(await store.settle([.ann]).settled == 1)
            guard case .accepted = try await comeBack("you.2") else {
                throw Unexpected("one that is lost is not there")
            }
        }
    }

    @Test("A session that ended is not resumed, and nothing changes")
    func gone() async throws {
        try await withStore(limits: LoginLimits(policy: .multi)) { store in
            let phone = try await store.loggedIn(.ann, .iPhone, link: 1)
            _ = try await store.disconnect(.ann, session: phone.session)
            let mac = try await store.loggedIn(.ann, .mac, link: 2)
            _ = try await store.logout(.ann, session: mac.session)
            let before = try await store.digest()
            for session in [phone.session, mac.session, .never("Web:1"), .never("iPhone:1")] {
                #expect(try await store.resume(.ann, session: session, link: 9) == .gone, "\(session)")
            }
            #expect(try await store.digest() == before)
        }
    }

    @Test("A displaced session is told by whom, a kicked one that it was ended, also after others acted")
    func ended() async throws {
        try await withStore(limits: LoginLimits(policy: .dual)) { store in
            let mac = try await store.loggedIn(.ann, .mac, link: 1)
            let phone = try await store.loggedIn(.ann, .iPhone)
            #expect(try await store.resume(.ann, session: mac.session, link: 9) == .ended(by: phone.session))
            _ = try await store.loggedIn(.ann, .web)
            #expect(try await store.resume(.ann, session: mac.session, link: 9) == .ended(by: phone.session))
            _ = try await store.kick(.ann, platform: .iPhone)
            let iPad = try await store.loggedIn(.ann, .iPad)
            #expect(try await store.resume(.ann, session: phone.session, link: 9) == .ended(by: nil))
            #expect(try await store.resume(.ann, session: mac.session, link: 9) == .ended(by: nil))
            #expect(try await store.resume(.ann, session: iPad.session, link: 9) != .ended(by: nil))
        }
    }

    @Test("A session that a login of its own device replaced while Online has been ended by it, a lost one is gone")
    func sameDevice() async throws {
        try await withStore { store in
            let first = try await store.loggedIn(.ann, .iPhone)
            let second = try await store.loggedIn(.ann, .iPhone)
            #expect(try await store.resume(.ann, session: first.session, link: 9) == .ended(by: second.session))
            _ = try await store.disconnect(.ann, session: second.session)
            _ = try await store.loggedIn(.ann, .iPhone)
            #expect(try await store.resume(.ann, session: second.session, link: 9) == .gone)
        }
    }

    @Test("A repeated login does not name the session of its device among those it displaced")
    func repeatedLogin() async throws {
        try await withStore { store in
            let mac = try await store.loggedIn(.ann, .mac)
            let session = SessionID(platform: .mac, instance: try InstanceID("1"), generation: .random())
            let call = store.loginCall(.ann, session, declared: [mac.session])
            let first = try await store.run([call])[0].get().texts
            #expect(first.count == 2)
            #expect(try await store.run([call])[0].get().texts == first)
        }
    }

    @Test("Who ended a session is remembered for its timeout and the grace, whatever else happened to the user")
    func remembered() async throws {
        try await withStore(limits: LoginLimits(policy: .dual)) { store in
            let mac = try await store.loggedIn(.ann, .mac)
            let phone = try await store.loggedIn(.ann, .iPhone)
            for _ in 1...20 { try await store.loggedIn(.ann, .web) }
            #expect(try await store.resume(.ann, session: mac.session, link: 9) == .ended(by: phone.session))
            let left = try #require(try await store.ttl(store.keys.recent(.ann)))
            #expect((540_000...550_000).contains(left))
        }
    }

    @Test("What is remembered of a user ends by time, and is bounded: kicks and answers are forgotten last")
    func bounded() async throws {
        try await withStore { store in
            let kicked = try await store.loggedIn(.ann, .mac)
            let call = store.kickCall(.ann, declared: [kicked.session])
            let answer = try await store.run([call])[0].get().texts
            for _ in 1...100 { try await store.loggedIn(.ann, .web) }
            for _ in 1...50 { for platform in [Platform.mac, .windows] { try await store.loggedIn(.ann, platform) } }
            let before = try await store.digest()
            #expect(try await store.run([call])[0].get().texts == answer)
            #expect(try await store.resume(.ann, session: kicked.session, link: 9) == .ended(by: nil))
            #expect(try await store.digest() == before)
            let kept = try await store.command("HLEN", store.keys.recent(.ann)).int
            #expect(kept == 128)
            let phone = try await store.loggedIn(.bob, .iPhone)
            try await store.loggedIn(.bob, .mac)
            let field = "ended:\(phone.session.generation)"
            try await store.command("HSET", store.keys.recent(.bob), field, "until=1 login=1 device=iPhone:1 by=")
            #expect(try await store.resume(.bob, session: phone.session, link: 9) == .gone)
            try await store.loggedIn(.bob, .web)
            #expect(try await store.command("HEXISTS", store.keys.recent(.bob), field).int == 0)
        }
    }

    @Test("A usersig that a kick revoked resumes no session, and a later one does")
    func revoked() async throws {
        try await withStore { store in
            _ = try await store.kick(.ann, revokingUserSigs: true)
            let kick = try #require(try await store.command("GET", store.keys.revoked(.ann)).int)
            let login = try await store.loggedIn(.ann, .web)
            let before = try await store.digest()
            let old = try await store.resume(.ann, session: login.session, link: 9, userSigIssuedAtMs: Int(kick))
            #expect(old == .revoked)
            #expect(try await store.digest() == before)
            let new = try await store.resume(.ann, session: login.session, link: 9, userSigIssuedAtMs: Int(kick) + 1)
            #expect(new == .resumed(version: login.version, heartbeat: login.heartbeat))
        }
    }

    @Test("A login that may not displace is told who stands in the way, the newest last, and nothing changes")
    func mayNotDisplace() async throws {
        try await withStore(limits: LoginLimits(policy: .dual, instances: [.mac: 3])) { store in
            var macs: [SessionID] = []
            for instance in ["2", "3", "1"] { macs.append(try await store.loggedIn(.ann, .mac, instance).session) }
            let before = try await store.digest()
            let answer = try await store.login(
                .ann, platform: .iPhone, instance: .unnamed, link: 1, mayDisplace: false)
            guard case .rejected(let inTheWay) = answer else {
                throw Unexpected("the login was not rejected: \(answer)")
            }
            #expect(inTheWay == macs)
            #expect(try await store.digest() == before)
        }
    }

    @Test("A login that may not displace others replaces the older one of its device")
    func mayReplace() async throws {
        try await withStore { store in
            try await store.loggedIn(.ann, .web)
            let answer = try await store.login(
                .ann, platform: .web, instance: InstanceID("1"), link: 1, mayDisplace: false)
            guard case .accepted(let login) = answer else { throw Unexpected("the login was refused: \(answer)") }
            #expect(try await store.statuses(.ann) == [login.session: .online])
        }
    }

    @Test("The close of a socket that no longer serves the session changes nothing")
    func oldSocket() async throws {
        try await withStore { store in
            let login = try await store.loggedIn(.ann, .iPhone, link: 1)
            _ = try await store.resume(.ann, session: login.session, link: 2)
            let before = try await store.digest()
            for late in [
                try await store.disconnect(.ann, session: login.session, link: 1),
                try await store.asWorker("b").disconnect(.ann, session: login.session, link: 2),
            ] {
                #expect(
                    late
                        == SessionAnswer(
                            status: .online, userStatus: .online, version: login.version, superseded: true))
            }
            #expect(try await store.digest() == before)
            let closed = try await store.disconnect(.ann, session: login.session, link: 2)
            #expect(closed.status == .pushOnline)
            #expect(!closed.superseded)
            #expect(try await store.disconnect(.ann, session: login.session, link: 2) == closed)
        }
    }

    @Test("A worker learns which of its sessions are over: ended, lost, replaced, or served by another")
    func endedAmong() async throws {
        try await withStore(limits: LoginLimits(policy: .multi, instances: [.web: 9])) { store in
            var sessions: [SessionID] = []
            for instance in ["here", "out", "lost", "again", "moved"] {
                sessions.append(try await store.loggedIn(.ann, .web, instance, link: sessions.count).session)
            }
            let phone = try await store.loggedIn(.ann, .iPhone, link: 7).session
            let beats = (sessions + [phone]).map { UserSession(user: .ann, session: $0) }
            let none = await store.ended(among: beats)
            #expect(none.gone == [] && none.failed.isEmpty)
            _ = try await store.logout(.ann, session: sessions[1])
            try await store.sweepAll()
            try await store.silence(.ann, sessions[2])
            #expect(await store.settle([.ann]).settled == 1)
            try await store.loggedIn(.ann, .web, "again")
            _ = try await store.asWorker("b").resume(.ann, session: sessions[4], link: 4)
            _ = try await store.disconnect(.ann, session: phone)
            let before = try await store.digest()
            let ended = await store.ended(among: beats)
            #expect(ended.gone == Array(beats.dropFirst()) && ended.failed.isEmpty)
            #expect(try await store.digest() == before)
        }
    }
}

extension PresenceStore {
    /// Ann's record of this session's device.
    fileprivate func record(_ session: SessionID) async throws -> String? {
        try await command("HGET", keys.user(.ann), session.device).string
    }
}
