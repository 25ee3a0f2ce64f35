import NIOPosix
import RedisClient
import Support
import Testing

@Suite(.timeLimit(.minutes(1))) struct RedisClientFaultTests {
    private static let impatient: RedisClientOptions = {
        var options = RedisClientOptions()
        options.commandDeadline = .milliseconds(200)
        options.overallDeadline = .milliseconds(600)
        return options
    }()

    @Test("A client outlives the server's death and return", arguments: 0..<3)
    func serverDies(round: Int) async throws {
        try await RedisServer.withRedis { server in
            try await server.withClient { client in
                _ = try await client.send(RedisCommand(keyless: "PING"))
                try await server.kill()
                async let answer = client.send(RedisCommand(keyless: "PING"))
                try await server.start()
                #expect(try await answer == .string("PONG"))
            }
        }
    }

    @Test("Commands to a server that is not there were not sent")
    func down() async throws {
        try await RedisClient.with("redis://127.0.0.1:\(FreePort.next())", options: Self.impatient) { client in
            let error = try await #require(throws: RedisError.self) {
                try await client.send(RedisCommand(keyless: "PING"))
            }
            #expect(error.code == .notSent && !error.mayHaveHappened)
        }
    }

    @Test("A command whose first attempt has no answer may have happened, even where the last was not sent")
    func lastNotSent() async throws {
        try await RedisServer.withRedis { server in
            var options = Self.impatient
            // The only connection is lost at the first attempt; at the last there is none.
            (options.overallDeadline, options.attemptsMax) = (.seconds(10), 2)
            let loop = MultiThreadedEventLoopGroup.singleton.next()
            try await RedisClient.with(server.url, options: options, on: loop) { client in
                _ = try await client.send(RedisCommand(keyless: "PING"))
                await server.pause()
                let error = try await #require(throws: RedisError.self) {
                    try await client.send(RedisCommand("SADD", key: "set", "member"))
                }
                #expect(error.code == .notSent && error.mayHaveHappened)
                await server.resume()
                try await eventually(else: "it did not happen") {
                    (try? await client.send(RedisCommand("SCARD", key: "set"))) == .integer(1)
                }
            }
        }
    }

    @Test("A command the server refused has not happened, unless an attempt before has no answer")
    func refused() async throws {
        try await RedisServer.withRedis { server in
            try await FaultProxy.withProxy(to: server.port) { proxy in
                try await RedisClient.with(proxy.url) { client in
                    _ = try await client.send(RedisCommand(keyless: "CONFIG", "SET", "maxmemory", "1"))
                    let set = RedisCommand("SET", key: "k", "v")
                    let refused = try await #require(throws: RedisError.self) { try await client.send(set) }
                    #expect(refused.code == .rejected(.outOfMemory) && !refused.mayHaveHappened)
                    proxy.cutReplyOnce(whenRequestContains: "SET")
                    let unknown = try await #require(throws: RedisError.self) { try await client.send(set) }
                    #expect(!proxy.isCutPending && unknown.mayHaveHappened)
                }
            }
        }
    }

    @Test("A server that keeps silent leaves the fate unknown, within the deadline, and is found again")
    func silence() async throws {
        try await RedisServer.withRedis { server in
            try await server.withClient(options: Self.impatient) { client in
                // On every event loop's connection: a command that finds none yet was not sent.
                for _ in 0..<64 { _ = try await client.send(RedisCommand(keyless: "PING")) }
                await server.pause()
                let start = ContinuousClock.now
                let error = try await #require(throws: RedisError.self) {
                    try await client.send(RedisCommand("INCR", key: "n").once)
                }
                #expect(error.code == .unknown)
                #expect(ContinuousClock.now - start < .seconds(2))
                await server.resume()
                try await eventually(else: "the client does not come back") {
                    (try? await client.send(RedisCommand(keyless: "PING"))) == .string("PONG")
                }
            }
        }
    }

    @Test("A command whose reply was cut off is repeated, unless that could do harm")
    func cutReply() async throws {
        try await RedisServer.withRedis { server in
            try await FaultProxy.withProxy(to: server.port) { proxy in
                try await RedisClient.with(proxy.url) { client in
                    proxy.cutReplyOnce(whenRequestContains: "SADD")
                    #expect(try await client.send(RedisCommand("SADD", key: "set", "member")) == .integer(0))
                    #expect(!proxy.isCutPending)

                    proxy.cutReplyOnce(whenRequestContains: "INCR")
                    let error = try await #require(throws: RedisError.self) {
                        try await client.send(RedisCommand("INCR", key: "n").once)
                    }
                    #expect(error.code == .unknown)
                    #expect(try await client.send(RedisCommand("GET", key: "n")) == .string("1"))
                }
            }
        }
    }

    @Test("A command that always breaks its connection is given up after three attempts")
    func attempts() async throws {
        var options = RedisClientOptions()
        options.replyBytesMax = 100_000
        try await RedisServer.withRedis { server in
            try await server.withClient(options: options) { client in
                _ = try await client.send(RedisCommand("SETRANGE", key: "long", "200000", "x"))
                let error = try await #require(throws: RedisError.self) {
                    try await client.send(RedisCommand("GET", key: "long"))
                }
                #expect(error.code == .unknown)
                let statistics = try await client.send(RedisCommand(keyless: "INFO", "commandstats")).string ?? ""
                #expect(statistics.contains("cmdstat_get:calls=3,"))
            }
        }
    }

    @Test("A stalled network ends like a silent server, and recovers")
    func stall() async throws {
        try await RedisServer.withRedis { server in
            try await FaultProxy.withProxy(to: server.port) { proxy in
                try await RedisClient.with(proxy.url, options: Self.impatient) { client in
                    _ = try await client.send(RedisCommand(keyless: "PING"))
                    proxy.stall()
                    await #expect(throws: RedisError.self) { try await client.send(RedisCommand(keyless: "PING")) }
                    proxy.refuse()
                    await #expect(throws: RedisError.self) { try await client.send(RedisCommand(keyless: "PING")) }
                    proxy.pass()
                    try await eventually(else: "the client does not come back") {
                        (try? await client.send(RedisCommand(keyless: "PING"))) == .string("PONG")
                    }
                }
            }
        }
    }

    @Test("While the server loads its data commands wait for it")
    func loading() async throws {
        let slowly = [
            "--save", "3600 1", "--key-load-delay", "1000", "--loading-process-events-interval-bytes", "1024",
        ]
        try await RedisServer.withRedis(slowly) { server in
            try await server.withClient { client in
                let sets = (0..<1000).map { RedisCommand("SET", key: "k\($0)", "v") }
                _ = try await client.replies(sets)
                try await server.restart()
                let error = try await #require(throws: RedisError.self) { try await client.checkServer() }
                #expect(error.code == .rejected(.loading))
                #expect(try await client.send(RedisCommand("GET", key: "k999")) == .string("v"))
            }
        }
    }

    @Test("A master that became a replica is left until it is a master again")
    func readOnly() async throws {
        try await RedisServer.withRedis { server in
            try await server.withClient { client in
                _ = try await client.send(RedisCommand(keyless: "REPLICAOF", "127.0.0.1", "1"))
                async let write = client.send(RedisCommand("SET", key: "k", "v"))
                try await eventually(else: "the write is not refused") {
                    let errors = try await client.send(RedisCommand(keyless: "INFO", "errorstats")).string ?? ""
                    return errors.contains("errorstat_READONLY")
                }
                _ = try await client.send(RedisCommand(keyless: "REPLICAOF", "NO", "ONE"))
                #expect(try await write == .string("OK"))
            }
        }
    }

    @Test("A connection that leads to a replica is given up, and no other")
    func readOnlyConnection() async throws {
        var once = RedisClientOptions()
        once.attemptsMax = 1
        once.overallDeadline = .zero
        once.clientName = "once"
        try await RedisServer.withRedis { server in
            try await server.withClient { admin in
                func connections() async throws -> Set<String> {
                    let list = try await admin.send(RedisCommand(keyless: "CLIENT", "LIST")).string ?? ""
                    return Set(list.matches(of: /(?m)^id=(\d+) .* name=once\ .*$/).map { String($0.1) })
                }
                try await server.withClient(options: once) { client in
                    let loops = MultiThreadedEventLoopGroup.singleton.makeIterator().reduce(0) { count, _ in count + 1 }
                    try await eventually(else: "not connected") { try await connections().count == loops }
                    let before = try await connections()
                    _ = try await admin.send(RedisCommand(keyless: "REPLICAOF", "127.0.0.1", "1"))
                    let write = await client.pipeline([RedisCommand("SET", key: "k", "v")])
                    #expect(write[0].rejection == .readOnly)
                    try await eventually(else: "not connected again") {
                        let now = try await connections()
                        return now.count == loops && now.intersection(before).count == loops - 1
                    }
                }
            }
        }
    }

    @Test("A script the server does not know is sent to it once, however many calls there are")
    func loadsOnce() async throws {
        let script = RedisScript(name: "echo", source: "return ARGV[1]")
        try await RedisServer.withRedis { server in
            try await server.withClient { client in
                let calls = (0..<512).map { RedisScriptCall(script, keys: ["k"], arguments: ["\($0)"]) }
                #expect(try await client.evaluate(calls).map { try $0.get() } == (0..<512).map { .string("\($0)") })
                let statistics = try await client.send(RedisCommand(keyless: "INFO", "commandstats")).string ?? ""
                #expect(statistics.contains("cmdstat_script|load:calls=1,"))
                #expect(statistics.contains("cmdstat_evalsha:calls=1024,"))
            }
        }
    }

    @Test("A call of a script the server does not know has no more attempts than another")
    func scriptAttempts() async throws {
        var options = RedisClientOptions()
        options.replyBytesMax = 100_000
        let long = RedisScript(name: "long", source: "return string.rep('x', 200000)")
        try await RedisServer.withRedis { server in
            try await FaultProxy.withProxy(to: server.port) { proxy in
                try await RedisClient.with(proxy.url, options: options) { client in
                    proxy.cutReplyOnce(whenRequestContains: long.sha1)
                    let error = try await #require(throws: RedisError.self) {
                        try await client.evaluate(long, keys: [], arguments: [])
                    }
                    #expect(error.code == .unknown)
                    let statistics = try await client.send(RedisCommand(keyless: "INFO", "commandstats")).string ?? ""
                    // The one cut off, the one that showed the script unknown, and two that broke their connection.
                    #expect(statistics.contains("cmdstat_evalsha:calls=4,"))
                }
            }
        }
    }
}
