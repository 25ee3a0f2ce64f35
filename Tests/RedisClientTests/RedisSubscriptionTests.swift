import RedisClient
import Support
import Testing

@Suite(.timeLimit(.minutes(1))) struct RedisSubscriptionTests {
    @Test("A subscription delivers messages, says when it was lost and returns with the server")
    func survivesRestart() async throws {
        try await RedisServer.withRedis { server in
            try await server.withClient { client in
                var events = client.subscribe(to: [RedisChannel("one"), RedisChannel("two")]).makeAsyncIterator()
                #expect(await events.next() == .subscribed)
                _ = try await client.send(RedisCommand(keyless: "PUBLISH", "two", "hello"))
                #expect(await events.next() == .message(channel: "two", payload: "hello"))
                try await server.restart()
                #expect(await events.next()?.isLoss == true)
                #expect(await events.next() == .subscribed)
                _ = try await client.send(RedisCommand(keyless: "PUBLISH", "one", "again"))
                #expect(await events.next() == .message(channel: "one", payload: "again"))
            }
        }
    }

    @Test("A subscription over a network that swallows everything is lost")
    func silence() async throws {
        var options = RedisClientOptions()
        options.pingInterval = .milliseconds(100)
        try await RedisServer.withRedis { server in
            try await FaultProxy.withProxy(to: server.port) { proxy in
                try await RedisClient.with(proxy.url, options: options) { client in
                    var events = client.subscribe(to: [RedisChannel("one")]).makeAsyncIterator()
                    #expect(await events.next() == .subscribed)
                    proxy.stall()
                    #expect(await events.next()?.isLoss == true)
                    proxy.pass()
                    #expect(await events.next() == .subscribed)
                }
            }
        }
    }

    @Test("An idle subscription stays")
    func idle() async throws {
        var options = RedisClientOptions()
        options.pingInterval = .milliseconds(20)
        try await RedisServer.withRedis { server in
            try await server.withClient(options: options) { client in
                var events = client.subscribe(to: [RedisChannel("one")]).makeAsyncIterator()
                #expect(await events.next() == .subscribed)
                try await eventually(else: "ten pings") { try await client.pings() >= 10 }
                _ = try await client.send(RedisCommand(keyless: "PUBLISH", "one", "still here"))
                #expect(await events.next() == .message(channel: "one", payload: "still here"))
            }
        }
    }

    @Test("A slow reader loses the oldest messages, not the newest")
    func slowReader() async throws {
        var options = RedisClientOptions()
        options.subscriptionEventsMax = 2
        try await RedisServer.withRedis { server in
            try await server.withClient(options: options) { client in
                var events = client.subscribe(to: [RedisChannel("one"), RedisChannel("end")]).makeAsyncIterator()
                #expect(await events.next() == .subscribed)
                for number in 0..<100 {
                    _ = try await client.send(RedisCommand(keyless: "PUBLISH", "one", "\(number)"))
                }
                var last = 0
                while last < 99, case .message(_, let payload)? = await events.next() { last = Int(payload) ?? 100 }
                #expect(last == 99)
            }
        }
    }

    @Test("A subscription nobody reads any more leaves no connection")
    func ends() async throws {
        try await RedisServer.withRedis { server in
            try await server.withClient { client in
                do {
                    var events = client.subscribe(to: [RedisChannel("one")]).makeAsyncIterator()
                    #expect(await events.next() == .subscribed)
                    #expect(try await client.subscribers() == 1)
                }
                try await eventually(else: "the subscription remains") { try await client.subscribers() == 0 }
            }
        }
    }
}

extension RedisSubscriptionEvent {
    fileprivate var isLoss: Bool {
        if case .lost = self { true } else { false }
    }
}

extension RedisClient {
    fileprivate func subscribers() async throws -> Int64? {
        try await send(RedisCommand(keyless: "PUBSUB", "NUMSUB", "one")).array?.last?.int
    }

    fileprivate func pings() async throws -> Int {
        let statistics = try await send(RedisCommand(keyless: "INFO", "commandstats")).string ?? ""
        let line = statistics.split(whereSeparator: \.isNewline).first { $0.hasPrefix("cmdstat_ping:calls=") }
        return line.flatMap { Int($0.split(separator: "=")[1].prefix { $0.isNumber }) } ?? 0
    }
}
