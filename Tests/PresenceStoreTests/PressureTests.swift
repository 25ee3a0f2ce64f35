import PresenceCore
import RedisClient
import Support
import Testing

@testable import PresenceStore

@Suite struct PressureTests {
    @Test("Where too many events wait logins are refused, nothing changes, and ends go on")
    func fullBacklog() async throws {
        try await withStore(shards: 1, eventsBacklogMax: 2) { store in
            let ann = try await store.loggedIn(.ann, .web)
            try await store.loggedIn(.bob, .web)
            let before = try await store.digest()
            for platform in [Platform.web, .android] {
                let error = await #expect(throws: StoreError.self) { try await store.loggedIn(.ann, platform) }
                #expect(error?.code == .overloaded)
            }
            #expect(try await store.digest() == before)

            #expect(try await store.logout(.ann, session: ann.session).status == .offline)
            _ = try await store.acknowledge(store.entries(0)[...], store.fence())
            try await store.loggedIn(.ann, .android)
        }
    }

    @Test("Where Redis is out of memory logins are refused, nothing changes, and everything else goes on")
    func outOfMemory() async throws {
        try await withStore(shards: 1, limits: LoginLimits(policy: .multi)) { store in
            let web = try await store.loggedIn(.ann, .web)
            let mac = try await store.loggedIn(.ann, .mac)
            let phone = try await store.loggedIn(.ann, .iPhone)
            let iPad = try await store.loggedIn(.ann, .iPad)
            try await store.loggedIn(.ann, .linux)
            try await store.command("CONFIG", "SET", "maxmemory", "1")
            let before = try await store.digest()
            let error = await #expect(throws: StoreError.self) { try await store.loggedIn(.bob, .web) }
            #expect(error?.code == .overloaded)
            #expect(try await store.digest() == before)

            try await store.silence(.ann, mac.session)
            let beats = [web, mac].map { UserSession(user: .ann, session: $0.session) }
            #expect(await store.gone(among: beats) == [])
            #expect(try await store.logout(.ann, session: web.session).status == .offline)
            #expect(try await store.disconnect(.ann, session: phone.session).status == .pushOnline)
            #expect(try await store.kick(.ann, platform: .linux).kicked.count == 1)
            try await store.sweepAll()
            try await store.silence(.ann, iPad.session)
            #expect(await store.settle([.ann]).settled == 1)
            #expect(
                try await store.statuses(.ann)
                    == [mac.session: .online, phone.session: .pushOnline, iPad.session: .pushOnline])
            let fence = try await store.fence()
            let aside = try await store.setAside(store.entries(0)[...], of: 0, fence)
            #expect(try await store.finish(aside[0], whyDead: "400", fence) == .finished(1, dropped: 0))
            #expect(try await store.replayDeadLetters(of: 0).replayed == 1)
        }
    }

    @Test("A Redis that cannot be asked is an error, never Offline")
    func unreachable() async throws {
        try await RedisServer.withRedis { server in
            var impatient = RedisClientOptions()
            impatient.overallDeadline = .milliseconds(300)
            try await server.withClient(options: impatient) { redis in
                let store = PresenceStore(
                    redis: redis, keys: KeySpace(prefix: "test", shards: 1), options: StoreOptions(worker: "a"))
                let session = try await store.loggedIn(.ann, .web).session
                try await server.stop()
                let beats = [UserSession(user: .ann, session: session)]
                let errors = [
                    await #expect(throws: StoreError.self) { try await store.presence(.ann) },
                    await #expect(throws: StoreError.self) { try await store.loggedIn(.ann, .web) },
                    await store.settle([.ann]).failures[0],
                ]
                #expect(errors.allSatisfy { $0?.code == .unavailable })
                let answer = await store.heartbeat(beats)
                #expect(answer.gone == [])
                #expect(answer.failed.map(\.session) == beats)
                #expect(answer.failed.map(\.error.code) == [.unavailable])
            }
        }
    }
}
