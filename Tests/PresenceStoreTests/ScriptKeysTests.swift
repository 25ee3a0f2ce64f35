import Foundation
import PresenceCore
import RedisClient
import Support
import Testing

@testable import PresenceStore

@Suite struct ScriptKeysTests {
    static let oddIDs = ["{}", "{a}b", "}{", "a:b", "a/b", "\"'\\", " ", "👩‍👩‍👧", "e\u{301}", "\u{301}", "*?[", "user:ann"]

    /// One life of a user, through every script.
    static func live(_ user: UserID, in store: PresenceStore) async throws {
        let phone = try await store.loggedIn(user, .iPhone)
        for link in [1, 2] { _ = try await store.resume(user, session: phone.session, link: link) }
        _ = try await store.disconnect(user, session: phone.session)
        let web = try await store.loggedIn(user, .web)
        #expect(web.kicked == [phone.session])
        try await store.silence(user, web.session)
        #expect(await store.gone(among: [UserSession(user: user, session: web.session)]) == [])
        _ = try await store.checkLayout()
        let known = try await store.register(silenceMs: 60_000).rules?.digest
        #expect(try await store.adopt(store.options.rules(hasReceiver: false), insteadOf: known) == true)
        let fences = try await store.owned(Array(0..<store.keys.shards))
        _ = try await store.tended(fences)
        #expect(await store.settle([user]).settled == 0)
        #expect(await store.lowerDeadlines(fences).answers.count == fences.count)
        try await store.silence(user, web.session)
        #expect(await store.settle([user]).settled == 1)
        let iPad = try await store.loggedIn(user, .iPad)
        try await store.silence(user, iPad.session)
        #expect(await store.settle([user]).settled == 1)
        try await store.silence(user, iPad.session)
        #expect(await store.settle([user]).settled == 1)
        let mac = try await store.loggedIn(user, .mac)
        #expect(try await store.logout(user, session: mac.session).status == .offline)
        let android = try await store.loggedIn(user, .android)
        #expect(await store.userPages([(store.keys.shard(of: user), nil, 10)]).failures.isEmpty)
        #expect(try await store.recount(store.keys.shard(of: user)) == true)
        #expect(try await store.kick(user).kicked == [android.session])
        let shard = store.keys.shard(of: user)
        let entries = try await store.entries(shard)
        let fence = try #require(fences[shard])
        #expect(await store.openOutboxes([shard: fence]).failures.isEmpty)
        let aside = try await store.setAside(entries.suffix(3), of: shard, fence)
        let finished = zip(aside, ["400", "400", nil]).map { FinishedAside(entry: $0, whyDead: $1, attempts: 2) }
        let dead = [shard: (fence: fence, events: finished)]
        #expect(await store.finishAside(dead).answers == [shard: .finished(3, dropped: 0)])
        let letter = try #require(try await store.deadLetters(of: shard).first)
        #expect(try await store.dropDeadLetters([letter.entry.position], of: shard) == 1)
        #expect(try await store.passEvents([shard: fence])[shard]?.position == store.entries(shard).last?.position)
        #expect(await store.trimEvents(of: [shard]).failures.isEmpty)
        #expect(try await store.missingPermissions() == [])
        await store.release(fences)
        #expect(try await store.changes(user).count == 11)
        _ = try await store.replayDeadLetters(of: shard)
        try await store.command("HSET", store.keys.user(user), "Web:1", "nonsense")
        #expect(await store.settle([user]).unreadable.count == 1)
    }

    @Test("No script touches a key it was not given")
    func declaredKeys() async throws {
        try await RedisServer.withRedis { server in
            try await server.withClient { redis in
                let store = PresenceStore(
                    redis: redis, keys: KeySpace(prefix: "test", shards: 2), options: StoreOptions(worker: "a"))
                let monitor = try await Monitor(server)
                defer { monitor.stop() }
                for id in ["ann"] + Self.oddIDs { try await Self.live(UserID(id), in: store) }
                try await store.command("ECHO", "the end")
                try await eventually(else: "MONITOR shows no end") { monitor.lines.last?.contains("the end") == true }

                var given: Set<String> = []
                var seen: Set<String> = []
                for line in monitor.lines {
                    let words = Monitor.words(line)
                    if words.first == "EVAL" || words.first == "EVALSHA" {
                        given = Set(words[3..<(3 + Int(words[2])!)])
                        if words[0] == "EVALSHA" { seen.insert(words[1]) }
                    } else if line.contains("lua]"), let name = words.first?.lowercased() {
                        #expect(PresenceStore.keyedCommands[name] != nil || name == "time", "\(line)")
                        guard name != "time" else { continue }
                        let touched = words.first == "DEL" ? words[1...] : words[1...1]
                        #expect(given.isSuperset(of: touched), "\(line)")
                    }
                }
                #expect(seen == Set(Scripts.all.map(\.script.sha1)))
            }
        }
    }

    @Test("On a cluster, all keys of a user are in one slot, whatever the id")
    func oneSlot() async throws {
        let clusterPort = try await FreePort.next()
        try await RedisServer.withRedis(["--cluster-enabled", "yes", "--cluster-port", "\(clusterPort)"]) { server in
            try await server.withClient { redis in
                let keys = KeySpace(prefix: "test", shards: 128)
                let store = PresenceStore(redis: redis, keys: keys, options: StoreOptions(worker: "a"))
                try await store.command("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
                try await eventually(else: "the cluster does not start") {
                    try await store.command("CLUSTER", "INFO").string?.contains("cluster_state:ok") == true
                }
                for id in Self.oddIDs {
                    let user = try UserID(id)
                    try await Self.live(user, in: store)
                    var slots: Set<Int64?> = []
                    for key in store.userKeys(user) + store.timerKeys(user, [.never("Web:1")]) {
                        slots.insert(try await store.command("CLUSTER", "KEYSLOT", key).int)
                    }
                    #expect(slots.count == 1, "\(id)")
                }
            }
        }
    }
}

/// What a server executes, as `redis-cli MONITOR` shows it.
private struct Monitor {
    private let process = Process()
    private let path: String

    init(_ server: RedisServer) async throws {
        path = "\(server.folder)/monitor"
        _ = FileManager.default.createFile(atPath: path, contents: nil)
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["redis-cli", "-p", "\(server.port)", "MONITOR"]
        process.standardOutput = FileHandle(forWritingAtPath: path)
        try process.run()
        let path = path
        try await eventually(else: "MONITOR does not start") { Self.lines(path).first == "OK" }
    }

    var lines: [Substring] { Self.lines(path) }

    func stop() { process.terminate() }

    /// The words of a command, with Redis' escapes as they are.
    static func words(_ line: Substring) -> [String] {
        line.matches(of: /"((?:[^"\\]|\\.)*)"/).map { String($0.1) }
    }

    private static func lines(_ path: String) -> [Substring] {
        (try? String(contentsOfFile: path, encoding: .utf8))?.split(separator: "\n") ?? []
    }
}
