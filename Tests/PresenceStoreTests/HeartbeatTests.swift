import PresenceCore
import Testing

@testable import PresenceStore

@Suite struct HeartbeatTests {
    static let timeouts: [(Platform, Int64)] = [
        (.android, 400_000), (.iPhone, 400_000), (.iPad, 400_000), (.windows, 400_000), (.mac, 400_000),
        (.linux, 400_000), (.web, 60_000), (.miniProgram, 60_000),
    ]

    @Test("A login and every heartbeat give the platform's full timeout", arguments: timeouts)
    func renew(_ platform: Platform, _ timeoutMs: Int64) async throws {
        try await withStore { store in
            let login = try await store.loggedIn(.ann, platform)
            let lease = store.keys.lease(.ann, login.session)
            let full = (timeoutMs - 2000)...timeoutMs
            #expect(full.contains(try #require(try await store.ttl(lease))))
            try await store.command("PEXPIRE", lease, "5000")
            #expect(await store.gone(among: [UserSession(user: .ann, session: login.session)]) == [])
            #expect(full.contains(try #require(try await store.ttl(lease))))
            #expect(try await store.story(.ann) == ["Login/Register"])
        }
    }

    @Test("A heartbeat revives a session that fell silent but was not settled yet, with a deadline")
    func revive() async throws {
        try await withStore { store in
            let login = try await store.loggedIn(.ann, .web)
            try await store.silence(.ann, login.session)
            try await store.command("ZREM", store.keys.deadlines(store.keys.shard(of: .ann)), "ann")
            #expect(await store.gone(among: [UserSession(user: .ann, session: login.session)]) == [])
            let lease = store.keys.lease(.ann, login.session)
            let left = try #require(try await store.ttl(lease))
            #expect((55_000...60_000).contains(left))
            try await store.expectDeadline(of: .ann, atEndOf: lease)
            #expect(try await store.story(.ann) == ["Login/Register"])
        }
    }

    @Test("A heartbeat of an older login never keeps a newer one alive")
    func olderLogin() async throws {
        try await withStore { store in
            let old = try await store.loggedIn(.ann, .web)
            let new = try await store.loggedIn(.ann, .web)
            try await store.silence(.ann, new.session)
            let beat = UserSession(user: .ann, session: old.session)
            #expect(await store.gone(among: [beat]) == [beat])
            #expect(try await store.ttl(store.keys.lease(.ann, new.session)) == -2)
            #expect(try await store.ttl(store.keys.lease(.ann, old.session)) == -2)
        }
    }

    @Test("Sessions that are gone are named in the order they were asked, beside those renewed")
    func gone() async throws {
        try await withStore { store in
            let ann = try await store.loggedIn(.ann, .web)
            let ended = try await store.loggedIn(.bob, .mac)
            _ = try await store.logout(.bob, session: ended.session)
            let gone = [
                UserSession(user: .bob, session: ended.session), UserSession(user: .bob, session: ann.session),
                UserSession(user: .ann, session: .never("Web:1")), UserSession(user: .ann, session: .never("iPhone:1")),
            ]
            let renewed = UserSession(user: .ann, session: ann.session)
            let before = try await store.digest()
            #expect(await store.gone(among: [gone[0], renewed, gone[1], gone[2], renewed, gone[3]]) == gone)
            #expect(try await store.digest() == before)
        }
    }

    @Test("A heartbeat after the connection closed hears gone, and leaves the seven days alone")
    func push() async throws {
        try await withStore { store in
            let login = try await store.loggedIn(.ann, .iPhone)
            _ = try await store.disconnect(.ann, session: login.session)
            let beat = UserSession(user: .ann, session: login.session)
            #expect(await store.gone(among: [beat]) == [beat])
            let left = try #require(try await store.ttl(store.keys.push(.ann, login.session)))
            #expect((604_798_000...604_800_000).contains(left))
            #expect(try await store.ttl(store.keys.lease(.ann, login.session)) == -2)
            #expect(try await store.statuses(.ann) == [login.session: .pushOnline])
        }
    }

    @Test("What cannot be read of one user is no error of the other heartbeats: that session is gone")
    func corruptNeighbour() async throws {
        try await withStore { store in
            let ann = try await store.loggedIn(.ann, .web)
            let bob = try await store.loggedIn(.bob, .web)
            for (user, login) in [(UserID.ann, ann), (.bob, bob)] { try await store.silence(user, login.session) }
            try await store.command("SET", store.keys.user(.ann), "text")
            let beats = [UserSession(user: .ann, session: ann.session), UserSession(user: .bob, session: bob.session)]
            #expect(await store.gone(among: beats) == [beats[0]])
            #expect(await store.ended(among: beats).gone.contains(beats[0]))
        }
    }
}
