import PresenceCore
import PresenceStore
import PresenceWorker
import RedisClient
import Support
import Testing

/// A master of a cluster that does not answer.
@Suite(.timeLimit(.minutes(2))) struct DeadMasterTests {
    private static let shards = 12

    /// A user of every shard.
    private static func users(_ store: PresenceStore, _ name: String) throws -> [Shard: UserID] {
        var users: [Shard: UserID] = [:]
        var number = 0
        while users.count < shards {
            let user = try UserID("\(name)-\(number)")
            number += 1
            if users[store.keys.shard(of: user)] == nil { users[store.keys.shard(of: user)] = user }
        }
        return users
    }

    /// The shards whose keys this node has.
    private static func shards(
        _ store: PresenceStore, of node: RedisServer, in cluster: RedisCluster
    ) async throws -> Set<Shard> {
        var found: Set<Shard> = []
        for shard in 0..<shards where try await cluster.owner(ofKey: store.keys.owner(shard)) === node {
            found.insert(shard)
        }
        return found
    }

    @Test("Work on shards is parted by the master that has them, every shard in one part")
    func parts() async throws {
        try await RedisCluster.withCluster { cluster in
            try await WorkHarness.with("a", at: cluster.url, shards: Self.shards) { harness in
                let store = harness.store
                try await harness.untilOwned(by: "a")
                let all = Set(0..<Self.shards)
                let parts = Set(store.byHome(all).values)
                var expected: Set<Set<Shard>> = []
                for shard in all {
                    let node = try await cluster.owner(ofKey: store.keys.owner(shard))
                    expected.insert(try await Self.shards(store, of: node, in: cluster))
                }
                #expect(parts == expected)
                let users = try Self.users(store, "user")
                let ofUsers = store.byHome(Array(users.values)) { $0 }
                #expect(Set(ofUsers.map { Set($0.map { store.keys.shard(of: $0) }) }) == expected)
            }
        }
    }

    @Test("While one master is silent the sessions of the others are renewed, settled and told of without delay")
    func silentMaster() async throws {
        let told = Told()
        try await RedisCluster.withCluster(nodeTimeoutMs: 60_000) { cluster in
            try await WorkHarness.with(
                "a", at: cluster.url, shards: Self.shards,
                options: { $0.platforms[.web].heartbeat = HeartbeatTiming(intervalMs: 100, timeoutMs: 1_000) },
                deliver: told.deliver
            ) { harness in
                let store = harness.store
                try await harness.untilOwned(by: "a")
                let loud = try Self.users(store, "loud")
                var beats: [UserSession] = []
                for user in loud.values {
                    beats.append(UserSession(user: user, session: try await harness.loggedIn(user, .mac).session))
                }
                let node = try await cluster.owner(ofKey: store.keys.owner(0))
                let away = try await Self.shards(store, of: node, in: cluster)
                let silent = try Self.users(store, "silent").filter { !away.contains($0.key) }.values
                for user in silent { _ = try await harness.loggedIn(user, .web) }
                await node.pause()
                let named = Set(beats.filter { away.contains(store.keys.shard(of: $0.user)) })
                #expect(!named.isEmpty && named.count < beats.count)
                let all = beats
                async let late = store.heartbeat(all)
                // What concerns no user of its waits for nothing, from the first moment on.
                let lived = beats.filter { !named.contains($0) }
                var slowest = Duration.zero
                try await eventually(timeout: .seconds(10), else: "told \(told.changes.count)") {
                    let started = ContinuousClock.now
                    let answer = await store.heartbeat(lived)
                    slowest = max(slowest, .now - started)
                    #expect(answer.gone.isEmpty && answer.failed.isEmpty)
                    #expect(harness.work.lagMs < 1_000)
                    let lost = Set(told.changes.filter { $0.reason == .linkClose || $0.reason == .timeOut }.map(\.user))
                    return lost == Set(silent)
                }
                #expect(slowest < .milliseconds(900), "a heartbeat waited for a master that is not its own")
                let answer = await late
                #expect(Set(answer.failed.map(\.session)) == named)
                #expect(answer.gone.isEmpty)
                let presences = await store.presences(of: beats.map(\.user))
                for (beat, presence) in zip(beats, presences) {
                    #expect(((try? presence.get()) == nil) == named.contains(beat))
                }
                await #expect(throws: StoreError.self) { try await store.counts() }
                #expect(harness.work.isAnswered)
                #expect(
                    store.complaintsAboutMasters.contains {
                        $0.contains("Redis master \(node.address) cannot be reached")
                    })
                await node.resume()
                try await eventually(else: "not served again") {
                    await store.heartbeat(beats).failed.isEmpty
                }
                let ended = await store.heartbeat(beats)
                #expect(ended.gone.isEmpty)
            }
        }
    }

    @Test("Shards of a worker that dies while nobody can tell who lives are taken over, and given back to the living")
    func registryAway() async throws {
        var paces = MembersTests.quick
        paces.leaseMs = 2_000
        paces.leaseRenewAtMs = 1_200
        paces.workerSilenceMs = 60_000
        let chosen = paces
        try await RedisCluster.withCluster(nodeTimeoutMs: 60_000) { cluster in
            try await WorkHarness.with("a", at: cluster.url, shards: Self.shards, paces: chosen) { harness in
                let store = harness.store
                try await harness.untilOwned(by: "a")
                var options = store.options
                options.worker = "b"
                let other = PresenceStore(redis: store.redis, keys: store.keys, options: options)
                _ = try await other.register(silenceMs: 60_000)
                // What it gives up for another one that is alive, as far as it heard.
                try await eventually(else: "nothing is given up") { try await harness.owners() == ["a", ""] }
                let owners = try await harness.ownersOfShards()
                let theirs = Set(owners.filter { $0.value == "" }.keys)
                _ = await other.own(theirs.sorted(), leaseMs: chosen.leaseMs)
                let node = try await cluster.owner(ofKey: store.keys.workers)
                let away = try await Self.shards(store, of: node, in: cluster)
                let free = theirs.subtracting(away)
                #expect(!free.isEmpty)
                await node.pause()
                try await eventually(else: "not taken over") {
                    let owners = try await harness.ownersOfShards()
                    let others = owners.filter { !theirs.contains($0.key) && !away.contains($0.key) }
                    #expect(others.allSatisfy { $0.value == "a" })
                    return free.allSatisfy { owners[$0] == "a" }
                }
                await node.resume()
                try await eventually(else: "not given back") {
                    let owners = try await harness.ownersOfShards()
                    return theirs.allSatisfy { owners[$0] != "a" } && Set(owners.values).contains("a")
                }
            }
        }
    }
}

extension WorkHarness {
    /// The owner of each shard; nil where there is none, or it cannot be asked for.
    func ownersOfShards() async throws -> [Shard: String?] {
        let shards = 0..<store.keys.shards
        let owners = await store.redis.pipeline(
            shards.map { RedisCommand("HGET", key: store.keys.owner($0), "worker") }, patience: .background)
        return Dictionary(uniqueKeysWithValues: zip(shards, owners.map { try? $0.get().string }))
    }
}
