import PresenceCore
import RedisClient
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
                if let error = try await store.acknowledge([0: done]).failures[0] { throw error }
            }
            #expect(try await store.cursor() == nil)
            #expect(try #require(try await store.openOutboxes([0: fence])[0] ?? nil).wasMended)
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
            _ = try await store.redis.pipeline(
                (1..<most).map { RedisCommand("XADD", key: store.keys.dead(0), "\($0)-0", "refused", "400") })
            let aside = try await store.setAside(entries[...], of: 0, fence)
            let dead = aside.map { FinishedAside(entry: $0, whyDead: "400") }
            #expect(try await store.finishAside([0: (fence, dead)])[0] == .finished(3, dropped: 2))
            #expect(try await store.command("XLEN", store.keys.dead(0)).int == Int64(most))
            #expect(try await store.command("HGET", store.keys.cursor(0), "dropped").int == 2)
            #expect(try await store.deadLetters(of: 0).suffix(3).map(\.entry.change) == entries.map(\.change))
        }
    }

    @Test("The tails of both streams are told, 0-0 where there is none")
    func tails() async throws {
        try await withStore(shards: 1) { store in
            #expect(try await store.tails([0]).answers == [0: StreamTails(events: "0-0", aside: "0-0")])
            let entries = try await store.fill(2)
            let aside = try await store.setAside(entries[..<1], of: 0, store.fence())
            #expect(
                try await store.tails([0]).answers == [0: StreamTails(events: entries[1].position, aside: aside[0])])
        }
    }
}

@Suite("Replayed dead letters") struct ReplayTests {
    /// One user's changes, all of them dead, the last the first to die.
    private func withDead(_ count: Int, body: (PresenceStore, [OutboxEntry]) async throws -> Void) async throws {
        try await withStore(shards: 1) { store in
            for number in 0..<count { try await store.loggedIn(number.isMultiple(of: 3) ? .bob : .ann, .web) }
            let entries = try await store.entries(0)
            let fence = try await store.fence()
            let aside = try await store.setAside(entries[...], of: 0, fence)
            for entry in aside.reversed() { _ = try await store.finish(entry, whyDead: "400", fence) }
            try await body(store, entries)
        }
    }

    @Test("They are set aside as the events they were, in the order of versions, dead no more, and not in the outbox")
    func order() async throws {
        try await withDead(5) { store, entries in
            let events = try await store.entries(0)
            #expect(try await store.replayDeadLetters(of: 0) == ReplayAnswer(replayed: 5))
            let aside = try await store.asideEntries().compactMap(\.change)
            for user in [UserID.ann, .bob] {
                #expect(aside.filter { $0.user == user } == entries.compactMap(\.change).filter { $0.user == user })
            }
            #expect(try await store.deadLetters(of: 0).isEmpty)
            #expect(try await store.entries(0) == events)
            #expect(try await store.backlog() == 0)
            #expect(try await store.replayDeadLetters(of: 0) == ReplayAnswer())
        }
    }

    @Test("Only those of a time window and of a user, where they are given")
    func filter() async throws {
        try await withDead(7) { store, entries in
            let bobs = entries.compactMap(\.change).filter { $0.user == .bob }
            #expect(bobs.count == 3)
            let moment = DeadLetterFilter(changedAtMs: bobs[1].atMs...bobs[1].atMs, user: .bob)
            #expect(try await store.replayDeadLetters(of: 0, moment).replayed >= 1)
            let first = try await store.asideEntries().compactMap(\.change)
            #expect(first.allSatisfy { $0.user == .bob && $0.atMs == bobs[1].atMs } && first.contains(bobs[1]))
            #expect(try await store.replayDeadLetters(of: 0, DeadLetterFilter(user: .bob)).left == 0)
            #expect(try await store.asideEntries().compactMap(\.change?.user) == [.bob, .bob, .bob])
            let future = DeadLetterFilter(changedAtMs: (bobs[2].atMs + 3_600_000)...Int.max)
            #expect(try await store.replayDeadLetters(of: 0, future) == ReplayAnswer())
        }
    }

    @Test("A replay leaves half of the room to users who fail meanwhile, and says what is left")
    func room() async throws {
        try await withDead(3) { store, _ in
            let most = StoreLimits.asidePerShardMax / 2 - 2
            _ = try await store.redis.pipeline(
                (1...most).map { _ in RedisCommand("XADD", key: store.keys.aside(0), "*", "action", "Later") })
            #expect(try await store.replayDeadLetters(of: 0) == ReplayAnswer(replayed: 2, left: 1))
            #expect(try await store.replayDeadLetters(of: 0) == ReplayAnswer(replayed: 0, left: 1))
            #expect(try await store.deadLetters(of: 0).count == 1)
        }
    }

    @Test("Letters nobody can read are left alone, and counted")
    func unreadable() async throws {
        try await withDead(2) { store, _ in
            try await store.command("XADD", store.keys.dead(0), "*", "refused", "400", "action", "Later")
            try await store.command("XADD", store.keys.dead(0), "*", "something", "else")
            #expect(try await store.replayDeadLetters(of: 0) == ReplayAnswer(replayed: 2, left: 0, unreadable: 2))
            #expect(try await store.deadLetters(of: 0).count == 2)
        }
    }
}
