import PresenceCore
import RedisClient
import Support
import Testing

@testable import PresenceStore

@Suite("Events set aside") struct AsideTests {
    @Test("Acknowledging copies what is set aside whole and moves the cursor, in one script; a repeat copies nothing")
    func copied() async throws {
        try await withStore(shards: 1) { store in
            let entries = try await store.fill(4)
            let fence = try await store.fence()
            let answer = try await store.acknowledge(entries[..<3], fence, aside: [entries[0], entries[2]])
            guard case .acknowledged(let aside)? = answer else { throw Unexpected("\(String(describing: answer))") }
            let read = try await store.asideEntries()
            #expect(read.map(\.position) == aside)
            #expect(read.map(\.change) == [entries[0].change, entries[2].change], "with the time of the change")
            #expect(try await store.cursor() == entries[2].position)
            #expect(try await store.backlog() == 1, "what is set aside does not count")
            #expect(try await store.acknowledge(entries[..<3], fence, aside: [entries[0]]) == .already)
            #expect(try await store.asideEntries().count == 2)
            let one = try await store.aside(aside[1], of: 0)
            #expect(one?.change == entries[2].change)
            #expect(try await store.aside("1-0", of: 0) == nil)
        }
    }

    @Test("A call that fails midway leaves cursor and copies as they were: it cannot copy twice")
    func oneStep() async throws {
        try await withStore(shards: 1) { store in
            let entries = try await store.fill(2)
            let fence = try await store.fence()
            try await store.command("SET", store.keys.aside(0), "text")
            await #expect(throws: StoreError.self) {
                let done = DoneEvents(
                    fence: fence, after: "0-0", position: entries[1].position, id: entries[1].id, count: 2,
                    aside: entries.map(\.position))
                if let error = await store.acknowledge([0: done]).failures[0] { throw error }
            }
            #expect(try await store.cursor() == nil)
            #expect(try #require(await store.openOutboxes([0: fence])[0] ?? nil).wasMended)
            #expect(try await store.setAside(entries[...], of: 0, fence).count == 2)
        }
    }

    @Test("A delivered one is gone, a dead one is among the dead letters whole with the reason; a repeat does nothing")
    func finished() async throws {
        try await withStore(shards: 1) { store in
            let entries = try await store.fill(2)
            let fence = try await store.fence()
            let aside = try await store.setAside(entries[...], of: 0, fence)
            #expect(try await store.finish(aside[0], fence) == .finished(1, dropped: 0))
            #expect(try await store.finish(aside[1], whyDead: "400 no", fence) == .finished(1, dropped: 0))
            for entry in aside {
                #expect(try await store.finish(entry, whyDead: "x", fence) == .finished(0, dropped: 0))
            }
            #expect(try await store.asideEntries().isEmpty)
            let dead = try await store.deadLetters(of: 0)
            #expect(dead.map(\.entry.change) == [entries[1].change])
            #expect(dead.map(\.why) == ["400 no"])
        }
    }

    @Test("The late answer of a former owner is refused")
    func formerOwner() async throws {
        try await withStore(shards: 1) { store in
            let entries = try await store.fill(1)
            let fence = try await store.fence()
            let aside = try await store.setAside(entries[...], of: 0, fence)
            let before = try await store.digest()
            #expect(try await store.asWorker("b").finish(aside[0], fence) == .lost)
            #expect(try await store.finish(aside[0], whyDead: "400", fence - 1) == .lost)
            #expect(try await store.digest() == before)
        }
    }

    @Test("Full dead letters drop their oldest, counted where operators can read it")
    func fullDeadLetters() async throws {
        try await withStore(shards: 1) { store in
            let entries = try await store.fill(3)
            let fence = try await store.fence()
            let most = StoreLimits.deadLettersPerShardMax
            _ = try await store.redis.replies(
                (1..<most).map { RedisCommand("XADD", key: store.keys.dead(0), "\($0)-0", "refused", "400") })
            let aside = try await store.setAside(entries[...], of: 0, fence)
            let dead = aside.map { FinishedAside(entry: $0, whyDead: "400") }
            #expect(await store.finishAside([0: (fence, dead)])[0] == .finished(3, dropped: 2))
            #expect(try await store.command("XLEN", store.keys.dead(0)).int == Int64(most))
            #expect(try await store.command("HGET", store.keys.cursor(0), "dropped").int == 2)
            #expect(try await store.deadLetters(of: 0).suffix(3).map(\.entry.change) == entries.map(\.change))
        }
    }
}
