import Support
import Testing

@testable import RedisClient

/// What a cluster asks of its clients.
@Suite(.timeLimit(.minutes(1))) struct ClusterTests {
    private static let keys = (0..<100).map { "key:\($0)" }

    private func withClient(
        of cluster: RedisCluster, seeds: [RedisAddress]? = nil, options: RedisClientOptions = .init(),
        _ body: (RedisClient) async throws -> Void
    ) async throws {
        let seeds = seeds ?? cluster.nodes.map { .tcp(host: $0.host, port: $0.port) }
        try await RedisClient.with(RedisEndpoint(servers: .cluster(seeds: seeds)), options: options, body)
    }

    @Test("Commands go to the masters of their keys, all at once, and are answered in the order given")
    func spreads() async throws {
        try await RedisCluster.withCluster { cluster in
            try await withClient(of: cluster) { client in
                let sets = await client.pipeline(Self.keys.map { RedisCommand("SET", key: $0, "of \($0)") })
                #expect(try sets.allSatisfy { try $0.get() == .string("OK") })
                let values = try await client.replies(Self.keys.map { RedisCommand("GET", key: $0) })
                #expect(values == Self.keys.map { .string("of \($0)") })
                let sizes = await client.sendToEveryMaster(RedisCommand(keyless: "DBSIZE"))
                #expect(sizes.count == 3)
                #expect(try sizes.allSatisfy { try $0.1.get().int ?? 0 > 0 })
            }
        }
    }

    @Test("A script is sent to each master that does not know it")
    func scripts() async throws {
        let script = RedisScript(name: "echo", source: "return {KEYS[1], ARGV[1]}")
        try await RedisCluster.withCluster { cluster in
            try await withClient(of: cluster) { client in
                for _ in 0..<2 {
                    let calls = Self.keys.map { RedisScriptCall(script, keys: [$0], arguments: ["1"]) }
                    let values = try await client.evaluate(calls).map { try $0.get() }
                    #expect(values == Self.keys.map { .array([.string($0), .string("1")]) })
                    for (_, flushed) in await client.sendToEveryMaster(RedisCommand(keyless: "SCRIPT", "FLUSH")) {
                        _ = try flushed.get()
                    }
                }
            }
        }
    }

    @Test("A key is found wherever its slot has gone, and while it goes")
    func slotMoves() async throws {
        let script = RedisScript(name: "set", source: "redis.call('SET', KEYS[1], ARGV[1]) return {KEYS[1]}")
        try await RedisCluster.withCluster { cluster in
            try await withClient(of: cluster) { client in
                _ = try await client.send(RedisCommand("SET", key: "{t}a", "1"))
                _ = try await client.send(RedisCommand("SET", key: "{t}b", "2"))
                let source = try await cluster.owner(ofKey: "{t}a")
                let destination = try #require(cluster.nodes.first { $0.port != source.port })
                let move = try await cluster.beginMove(slot: cluster.slot(ofKey: "{t}a"), to: destination)
                try await move.move(key: "{t}a")
                let values = try await client.replies(["{t}a", "{t}b", "{t}c"].map { RedisCommand("GET", key: $0) })
                #expect(values == [.string("1"), .string("2"), .null])
                // Of one key there, which the script has never been heard of.
                let answer = try await client.evaluate(script, keys: ["{t}a"], arguments: ["3"])
                #expect(answer == .array([.string("{t}a")]))
                // Of two, one here and one there: nobody can do that until the slot has moved.
                let both = RedisScriptCall(script, keys: ["{t}b", "{t}a"], arguments: ["4"])
                let hurried = await client.evaluate([both], patience: .background)
                #expect(hurried[0].rejection == .tryAgain)
                async let patient = client.evaluate([both])
                try await move.finish()
                #expect(try await patient[0].get() == .array([.string("{t}b")]))
                #expect(try await client.send(RedisCommand("GET", key: "{t}b")) == .string("4"))
            }
        }
    }

    @Test("While one master is away its keys fail alone, soon and without delay for others; it is found again")
    func masterAway() async throws {
        try await RedisCluster.withCluster { cluster in
            try await withClient(of: cluster) { client in
                _ = try await client.replies(Self.keys.map { RedisCommand("SET", key: $0, "1") })
                let away = cluster.nodes[0]
                let slots = try await cluster.slots(of: away)
                let lost = Self.keys.map { key in slots.contains { $0.contains(HashSlot.of(key)) } }
                #expect(lost.contains(true) && lost.contains(false))
                await away.pause()
                try await eventually(else: "the master is not known to be away") {
                    let start = ContinuousClock.now
                    let results = await client.pipeline(Self.keys.map { RedisCommand("GET", key: $0) })
                    #expect(zip(results, lost).allSatisfy { $0.isAnswer || $1 })
                    return ContinuousClock.now - start < .milliseconds(500) && !results.allSatisfy(\.isAnswer)
                }
                await away.resume()
                try await eventually(else: "the master is not found again") {
                    await client.pipeline(Self.keys.map { RedisCommand("GET", key: $0) }).allSatisfy(\.isAnswer)
                }
            }
        }
    }

    @Test("A replica that is promoted is found, and the others notice nothing")
    func failover() async throws {
        try await RedisCluster.withCluster(replicasEach: 1) { cluster in
            try await withClient(of: cluster) { client in
                _ = try await client.replies(Self.keys.map { RedisCommand("SET", key: $0, "1") })
                let slots = try await cluster.slots(of: cluster.nodes[0])
                let lost = Self.keys.map { key in slots.contains { $0.contains(HashSlot.of(key)) } }
                #expect(lost.contains(true) && lost.contains(false))
                try await cluster.nodes[0].kill()
                try await eventually(else: "nobody took over") {
                    let results = await client.pipeline(Self.keys.map { RedisCommand("SET", key: $0, "2") })
                    #expect(zip(results, lost).allSatisfy { $0.isAnswer || $1 })
                    return results.allSatisfy(\.isAnswer)
                }
            }
        }
    }

    @Test("One seed that lives is enough, and none once the nodes are known")
    func seeds() async throws {
        try await RedisCluster.withCluster { cluster in
            let nobody = RedisAddress.tcp(host: "127.0.0.1", port: try await FreePort.next())
            let one = RedisAddress.tcp(host: cluster.nodes[0].host, port: cluster.nodes[0].port)
            var options = RedisClientOptions()
            options.topologyInterval = .milliseconds(200)
            try await withClient(of: cluster, seeds: [nobody, one], options: options) { client in
                _ = try await client.replies(Self.keys.map { RedisCommand("SET", key: $0, "1") })
                try await cluster.nodes[0].kill()
                let key = try #require(
                    Self.keys.first { key in
                        client.table.routes.owner(of: HashSlot.of(key))?.description == cluster.nodes[1].address
                    })
                try await cluster.move(slot: HashSlot.of(key), to: cluster.nodes[2])
                #expect(try await client.send(RedisCommand("GET", key: key)) == .string("1"))
                try await eventually(else: "the move is not learned") {
                    client.table.routes.owner(of: HashSlot.of(key))?.description == cluster.nodes[2].address
                }
            }
        }
    }

    @Test("A node that knows nothing of the cluster is not believed")
    func forgotten() async throws {
        try await RedisCluster.withCluster { cluster in
            let port = try await FreePort.next()
            let arguments = ["--cluster-enabled", "yes", "--cluster-port", "\(port)"]
            try await RedisServer.withRedis(arguments) { stranger in
                let seeds = [stranger, cluster.nodes[0]].map { RedisAddress.tcp(host: $0.host, port: $0.port) }
                try await withClient(of: cluster, seeds: seeds) { client in
                    let source = TopologySource(connector: client.connector, eventLoopGroup: client.eventLoopGroup)
                    for _ in 0..<20 {
                        let seen = try await source.topology(known: [seeds[0]])
                        #expect(seen.slotsUnserved == 0 && seen.masters.count == 3)
                    }
                }
            }
        }
    }

    @Test("Nodes are reached by the names they announce, and by IPv6", arguments: [true, false])
    func names(isIPv6: Bool) async throws {
        let arguments = [
            "--cluster-announce-hostname", "localhost", "--cluster-preferred-endpoint-type", "hostname",
        ]
        try await RedisCluster.withCluster(host: isIPv6 ? "::1" : "127.0.0.1", arguments: isIPv6 ? [] : arguments) {
            cluster in
            try await withClient(of: cluster) { client in
                let values = try await client.replies(Self.keys.map { RedisCommand("SET", key: $0, "1") })
                #expect(values.count == Self.keys.count)
                let hosts = Set(client.table.routes.masters.map { $0.address.description.prefix { $0 != ":" } })
                #expect(hosts == [isIPv6 ? "[" : "localhost"])
            }
        }
    }

    @Test("What is published is heard, and what happens to keys, also after their slots have moved")
    func subscriptions() async throws {
        let arguments = ["--notify-keyspace-events", "Kxt$"]
        try await RedisCluster.withCluster(arguments: arguments) { cluster in
            try await withClient(of: cluster) { client in
                let keys = ["key:1", "key:2", "key:3", "key:4"]
                // Of one server, and not of one slot.
                let owner = try await cluster.owner(ofKey: "notices")
                var notices = ["notices"]
                for number in 0..<100 where notices.count < 2 {
                    if try await cluster.owner(ofKey: "notices:\(number)") === owner {
                        notices.append("notices:\(number)")
                    }
                }
                #expect(notices.count == 2)
                let channels =
                    keys.map { RedisChannel(keyspaceOf: $0, database: 0) } + notices.map { RedisChannel($0) }
                let heard = Heard()
                let listening = Task {
                    for await event in client.subscribe(to: channels) { await heard.add(event) }
                }
                defer { listening.cancel() }
                func all() async throws -> Bool {
                    await heard.forget()
                    _ = await client.pipeline(keys.map { RedisCommand("SET", key: $0, "1") })
                    _ = await client.pipeline(notices.map { client.publishing("hello", to: $0) })
                    for _ in 0..<10 {
                        if await heard.channels == Set(channels.map(\.name)) { return true }
                        try await Task.sleep(for: .milliseconds(20))
                    }
                    return false
                }
                try await eventually(else: "not all is heard") { try await all() }
                for channel in channels {
                    let owner = try await cluster.owner(ofSlot: channel.slot)
                    let other = try #require(cluster.nodes.first { $0.port != owner.port })
                    try await cluster.move(slot: channel.slot, to: other)
                }
                try await eventually(else: "not all is heard after the moves") {
                    try await all()
                }
            }
        }
    }
}

/// The channels something was heard on.
private actor Heard {
    private(set) var channels: Set<String> = []

    func add(_ event: RedisSubscriptionEvent) {
        if case .message(let channel, _) = event { channels.insert(channel) }
    }

    func forget() { channels = [] }
}
