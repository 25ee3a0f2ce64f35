import Foundation
import Inspection
import PresenceCore
import PresenceStore
import RedisClient
import Support
import Testing

@Suite("A user's story from a real Redis")
struct UserFactsTests {
    private let ann = try! UserID("ann")

    @Test("Whom a login displaced is told by both sessions, also when the change is kept no more")
    func displaced() async throws {
        try await Shop.open { shop in
            let mac = try await shop.login(ann, .mac)
            let phone = try await shop.login(ann, .iPhone)
            for isTrimmed in [false, true] {
                if isTrimmed {
                    let events = shop.store.keys.events(shop.store.keys.shard(of: ann))
                    _ = try await shop.store.redis.send(RedisCommand("DEL", key: events))
                }
                let story = try await shop.story(ann)
                #expect(story.status == .online && story.sessions.map(\.session.id) == [phone])
                #expect(story.ended.map(\.session) == [mac])
                #expect(story.ended.first?.how == .displaced(by: phone))
                #expect(story.changes.map(\.fate) == (isTrimmed ? [] : [.waiting, .waiting]))
                guard case .runs(let end) = story.sessions.first?.timer else {
                    Issue.record("no timer: \(story.sessions)")
                    continue
                }
                #expect((350_000...400_000).contains(end - story.nowMs))
            }
        }
    }

    @Test("A kick by an operator is told with its reason; without the change, still as one")
    func kicked() async throws {
        try await Shop.open { shop in
            let mac = try await shop.login(ann, .mac)
            _ = try await shop.store.kick(ann, note: "stolen")
            #expect(try await shop.story(ann).ended.map(\.how) == [.kicked(reason: "stolen")])
            let events = shop.store.keys.events(shop.store.keys.shard(of: ann))
            _ = try await shop.store.redis.send(RedisCommand("DEL", key: events))
            let story = try await shop.story(ann)
            #expect(story.ended.map(\.how) == [.kicked(reason: nil)] && story.ended.map(\.session) == [mac])
            #expect(story.isKnown && story.status == .offline)
        }
    }

    @Test("A session that fell silent tells how late it was settled, by the deadline its timer had")
    func late() async throws {
        try await Shop.open { shop in
            let web = try await shop.login(ann, .web)
            let shard = shop.store.keys.shard(of: ann)
            let now = try await shop.store.timeMs()
            _ = try await shop.store.redis.send(
                RedisCommand("ZADD", key: shop.store.keys.deadlines(shard), String(now - 7_000), "ann"))
            _ = try await shop.store.redis.send(RedisCommand("DEL", key: shop.store.keys.lease(ann, web)))
            #expect(try await shop.story(ann).sessions.map(\.timer) == [.unswept])
            try await shop.sweep(ann)
            #expect(try await shop.story(ann).sessions.map(\.timer) == [.due])
            #expect(await shop.store.settle([ann], dueAtMs: [ann: now - 7_000]).settled == 1)
            let story = try await shop.story(ann)
            guard case .silent(let lateMs?) = story.ended.first?.how else {
                Issue.record("not told: \(story.ended)")
                return
            }
            #expect((7_000...12_000).contains(lateMs))
            #expect(story.changes.last?.change.note == String(now - 7_000))
        }
    }

    @Test("In a grace period the timer's end has no consequence until a moment that is told")
    func grace() async throws {
        try await Shop.open { shop in
            let web = try await shop.login(ann, .web)
            let shard = shop.store.keys.shard(of: ann)
            try await shop.sweep(ann)
            let now = try await shop.store.timeMs()
            _ = try await shop.store.redis.send(RedisCommand("SET", key: shop.store.keys.grace(shard), String(now)))
            _ = try await shop.store.redis.send(RedisCommand("DEL", key: shop.store.keys.lease(ann, web)))
            #expect(try await shop.story(ann).sessions.map(\.timer) == [.grace(untilMs: now + 31_250)])
        }
    }

    @Test("Attempts are kept where one was not enough: of delivered events, of those set aside, of dead letters")
    func attempts() async throws {
        try await Shop.open(policy: .multi) { shop in
            for platform in [Platform.mac, .web, .iPhone, .linux] { _ = try await shop.login(ann, platform) }
            let events = await shop.entries(ann)
            let aside = try await shop.acknowledge(
                ann, aside: Array(events[1...]), attempts: [events[0].position: 3, events[1].position: 5])
            var fates = try await shop.story(ann).changes.map(\.fate)
            #expect(fates[0] == .delivered(attempts: 3))
            guard case .aside(_, 5, before: 0) = fates[1], case .aside(_, 0, before: 1) = fates[2] else {
                Issue.record("\(fates)")
                return
            }
            try await shop.finish(
                ann,
                [
                    FinishedAside(entry: aside[0], attempts: 4), FinishedAside(entry: aside[1], attempts: 1),
                    FinishedAside(entry: aside[2], whyDead: "HTTP 400", attempts: 6),
                ])
            fates = try await shop.story(ann).changes.map(\.fate)
            #expect(fates[1] == .delivered(attempts: 9) && fates[2] == .delivered(attempts: 1))
            guard case .dead(_, 6, "HTTP 400") = fates[3] else {
                Issue.record("\(fates)")
                return
            }
            let shard = shop.store.keys.shard(of: ann)
            #expect(try await shop.store.replayDeadLetters(of: shard).replayed == 1)
            guard case .aside(_, 6, before: 0) = try await shop.story(ann).changes[3].fate else {
                Issue.record("the attempts are lost")
                return
            }
        }
    }

    @Test("What was replayed, or dropped, when the log had it no more is told of, and where it stands")
    func replayed() async throws {
        try await Shop.open(policy: .multi) { shop in
            for platform in [Platform.mac, .web, .iPhone] { _ = try await shop.login(ann, platform) }
            let shard = shop.store.keys.shard(of: ann)
            let aside = try await shop.acknowledge(ann, aside: await shop.entries(ann))
            try await shop.finish(ann, aside.map { FinishedAside(entry: $0, whyDead: "HTTP 400", attempts: 6) })
            try await shop.ageDeadLetters(of: shard)
            let letters = try await shop.store.deadLetters(of: shard).map(\.entry.position)
            #expect(try await shop.store.dropDeadLetters([letters[2]], of: shard) == 1)
            #expect(try await shop.store.replayDeadLetters(of: shard).replayed == 2)
            let replayed = await shop.store.aside(after: [shard: "0-0"])[shard] ?? []
            try await shop.finish(
                ann,
                [
                    FinishedAside(entry: replayed[0].position, attempts: 1),
                    FinishedAside(entry: replayed[1].position, whyDead: "HTTP 410", attempts: 2),
                ])
            let story = try await shop.story(ann)
            try #require(story.changes.map(\.change.session.platform) == [.mac, .web, .iPhone])
            #expect(story.changes[0].fate == .delivered(attempts: 7) && story.changes[2].fate == .discarded)
            guard case .dead(_, 8, "HTTP 410") = story.changes[1].fate else {
                Issue.record("\(story.changes[1].fate)")
                return
            }
            #expect(story.commands.contains { $0.contains("XRANGE") && $0.contains(":attempts") })
            #expect(story.changes.allSatisfy { !$0.missesOneBefore })
            // Of one that goes through in the end the last word counts.
            #expect(try await shop.store.replayDeadLetters(of: shard).replayed == 1)
            let last = await shop.store.aside(after: [shard: "0-0"])[shard] ?? []
            try await shop.finish(ann, [FinishedAside(entry: last[0].position)])
            #expect(try await shop.story(ann).changes[1].fate == .delivered(attempts: 8))
        }
    }

    @Test("Nothing is written of an event whose first attempt was enough; notes end with the events they are about")
    func firstAttempts() async throws {
        try await Shop.open { shop in
            _ = try await shop.login(ann, .mac)
            let key = shop.store.keys.attempts(shop.store.keys.shard(of: ann))
            _ = try await shop.acknowledge(ann)
            #expect(try await shop.store.redis.send(RedisCommand("TYPE", key: key)) == .string("none"))
            _ = try await shop.login(ann, .web)
            let last = try #require(await shop.entries(ann).last)
            _ = try await shop.acknowledge(ann, attempts: [last.position: 2])
            let left = try #require(try await shop.store.redis.send(RedisCommand("PTTL", key: key)).int)
            #expect((500_000...600_000).contains(left))
        }
    }

    @Test("A key of the notes that holds something else stops no delivery, and goes")
    func damagedNotes() async throws {
        try await Shop.open { shop in
            _ = try await shop.login(ann, .mac)
            let key = shop.store.keys.attempts(shop.store.keys.shard(of: ann))
            _ = try await shop.store.redis.send(RedisCommand("SET", key: key, "x"))
            let last = try #require(await shop.entries(ann).last)
            _ = try await shop.acknowledge(ann, attempts: [last.position: 2])
            #expect(try await shop.store.redis.send(RedisCommand("TYPE", key: key)) == .string("none"))
        }
    }

    @Test("The printed redis-cli commands run as they are, whatever the user's id and the database")
    func commands() async throws {
        try await Shop.open("/3") { shop in
            let user = try UserID("o'brien $HOME {b} \"c\" \\ `d`")
            let session = try await shop.login(user, .web)
            let folder = try temporaryFolder("commands")
            defer { removeFolder(folder) }
            let story = try await shop.story(user)
            var outputs: [String] = []
            for (number, command) in story.commands.enumerated() {
                let child = try ChildProcess(["sh", "-c", command], folder: folder, log: "\(number)")
                try await eventually(else: "\(command) does not end") { !child.isRunning }
                #expect(child.exitStatus == 0 && !child.log.contains("ERR"), "\(command): \(child.log)")
                outputs.append(child.log)
            }
            #expect(story.commands.allSatisfy { $0.contains(" -n 3 ") })
            #expect(outputs[0].hasPrefix("Web:default\nstatus=Online generation=\(session.generation)"))
            #expect(Int(outputs[2].trimmingCharacters(in: .newlines)).map { $0 > 50_000 } == true)
            #expect(outputs[4].contains("Register") && outputs[4].contains(session.description))
        }
    }

    @Test("A Redis user without ZSCORE sees all but the deadline, and a command that would not run is not printed")
    func readme() async throws {
        try await RedisServer.withRedis { server in
            try await RedisClient.with(server.serviceURL) { redis in
                let keys = KeySpace(prefix: "presence", shards: 2)
                let store = PresenceStore(redis: redis, keys: keys, options: StoreOptions(worker: "a"))
                _ = try await store.login(ann, platform: .web, instance: .unnamed)
                let facts = try await store.facts(of: ann)
                #expect(facts.deadline == .forbidden)
                let story = UserStory(
                    facts, commandLine: redis.redisCLI(slot: 0), needsPassword: redis.needsPassword)
                #expect(!story.commands.contains { $0.contains("ZSCORE") })
                #expect(story.commands.allSatisfy { $0.contains("--user presence") && !$0.contains("change-me") })
                #expect(story.text.contains("The same with redis-cli (its password in REDISCLI_AUTH)\n"))
            }
        }
    }

    @Test("Options from rules are the options that made them", arguments: LoginPolicy.allCases)
    func options(_ policy: LoginPolicy) throws {
        var options = StoreOptions(worker: "a")
        options.limits = LoginLimits(policy: policy, onLimit: .reject, instances: [.web: 10, .iPhone: 3])
        options.pushRetentionMs = 5
        options.outageGapMs = 6
        options.platforms[try Platform("TV")] = PlatformTraits(
            platformClass: .desktop, heartbeat: HeartbeatTiming(intervalMs: 7, timeoutMs: 14), hasPush: true,
            countsAs: .mac)
        let rules = options.rules(hasReceiver: true)
        #expect(StoreOptions(worker: "b", rules: rules).rules(hasReceiver: true) == rules)
    }
}
