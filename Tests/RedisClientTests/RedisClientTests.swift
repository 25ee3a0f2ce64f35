import NIOCore
import RedisClient
import Support
import Testing

@Suite(.timeLimit(.minutes(1))) struct RedisClientTests {
    @Test("Every reply goes to the command that asked for it, with many callers at once")
    func pipelining() async throws {
        try await RedisServer.withRedis { server in
            try await server.withClient { client in
                try await withThrowingTaskGroup { group in
                    for caller in 0..<50 {
                        group.addTask {
                            for round in 0..<20 {
                                let texts = (0..<10).map { "\(caller)/\(round)/\($0)" }
                                let values = try await client.replies(texts.map { RedisCommand(keyless: "ECHO", $0) })
                                #expect(values == texts.map(RedisValue.string))
                            }
                        }
                    }
                    try await group.waitForAll()
                }
            }
        }
    }

    @Test(
        "An error reply is the failure of its own command in a pipeline, and thrown by send, with advice instead of data"
    )
    func errorReplies() async throws {
        try await RedisServer.withRedis { server in
            try await server.withClient { client in
                let results = await client.pipeline([
                    RedisCommand("SET", key: "text", "secret"), RedisCommand("INCR", key: "text"),
                    RedisCommand("GET", key: "text"),
                ])
                #expect(try results[0].get() == .string("OK"))
                #expect(results[1].rejection == .other)
                #expect(try results[2].get() == .string("secret"))
                let error = try await #require(throws: RedisError.self) {
                    try await client.send(RedisCommand(keyless: "NONSENSE", "secret"))
                }
                #expect(error.code == .rejected(.other))
                #expect(!error.message.contains("secret"))
                #expect(await client.pipeline([RedisCommand]()).isEmpty)
            }
        }
    }

    @Test("A unix socket serves as well as a port")
    func unixSocket() async throws {
        try await RedisServer.withRedis { server in
            try await RedisClient.with(server.unixURL) { client in
                let answer = try await client.send(RedisCommand(keyless: "PING"))
                #expect(answer == .string("PONG"))
            }
        }
    }

    @Test("Connections log in, choose their database and say their name")
    func greeting() async throws {
        try await RedisServer.withRedis(["--user", "me", "on", ">p@ss", "~*", "&*", "+@all"]) { server in
            try await RedisClient.with("redis://me:p%40ss@127.0.0.1:\(server.port)/3") { client in
                #expect(try await client.send(RedisCommand(keyless: "ACL", "WHOAMI")) == .string("me"))
                let info = try await client.send(RedisCommand(keyless: "CLIENT", "INFO")).string ?? ""
                #expect(info.contains(" db=3 "))
                #expect(info.contains(" name=presence "))
            }
        }
    }

    @Test(
        "A refused login ends commands at once and says what to set",
        arguments: ["redis://:wrong@", "redis://nobody:wrong@", "redis://"])
    func wrongPassword(prefix: String) async throws {
        try await RedisServer.withRedis(["--requirepass", "right"]) { server in
            try await RedisClient.with("\(prefix)127.0.0.1:\(server.port)") { client in
                let error = try await #require(throws: RedisError.self) {
                    try await client.send(RedisCommand(keyless: "PING"))
                }
                #expect(error.code == .rejected(.authentication))
                #expect(error.message.contains("redis.url"))
            }
        }
    }

    @Test("A database the server lacks is a matter of configuration")
    func wrongDatabase() async throws {
        try await RedisServer.withRedis { server in
            try await RedisClient.with("\(server.url)/99") { client in
                let error = try await #require(throws: RedisError.self) {
                    try await client.send(RedisCommand(keyless: "PING"))
                }
                #expect(error.code == .invalidConfiguration)
            }
        }
    }

    @Test("Scripts survive SCRIPT FLUSH at any moment")
    func scriptFlush() async throws {
        let script = RedisScript(name: "echo", source: "return {KEYS[1], ARGV[1]}")
        try await RedisServer.withRedis { server in
            try await server.withClient { client in
                try await withThrowingTaskGroup { group in
                    group.addTask {
                        for _ in 0..<200 { _ = try await client.send(RedisCommand(keyless: "SCRIPT", "FLUSH")) }
                    }
                    for _ in 0..<200 {
                        let value = try await client.evaluate(script, keys: ["k"], arguments: ["a"])
                        #expect(value == .array([.string("k"), .string("a")]))
                        let calls = (0..<5).map { RedisScriptCall(script, keys: ["k"], arguments: ["\($0)"]) }
                        let values = try await client.evaluate(calls).map { try $0.get() }
                        #expect(values == (0..<5).map { .array([.string("k"), .string("\($0)")]) })
                    }
                    try await group.waitForAll()
                }
            }
        }
    }

    @Test("A batch of a thousand commands and a large reply are nothing special")
    func large() async throws {
        try await RedisServer.withRedis { server in
            try await server.withClient { client in
                let sets = (0..<1000).map { RedisCommand("SET", key: "k\($0)", String(repeating: "x", count: 1000)) }
                #expect(try await client.replies(sets) == Array(repeating: .string("OK"), count: 1000))
                let all = try await client.send(RedisCommand(keyless: "MGET", (0..<1000).map { "k\($0)" }))
                #expect(all.array?.count == 1000)
                let sizes = await client.sendToEveryMaster(RedisCommand(keyless: "DBSIZE"))
                #expect(try sizes.map { try $0.1.get() } == [.integer(1000)])
            }
        }
    }

    @Test("A client that ended refuses commands and leaves no connection")
    func closed() async throws {
        try await RedisServer.withRedis { server in
            let ended = try await server.withClient { client in
                _ = try await client.send(RedisCommand(keyless: "PING"))
                return client
            }
            let error = try await #require(throws: RedisError.self) {
                try await ended.send(RedisCommand(keyless: "PING"))
            }
            #expect(error.code == .closed)
            try await server.withClient { client in
                try await eventually(else: "connections of the first client remain") {
                    let list = try await client.send(RedisCommand(keyless: "CLIENT", "LIST")).string ?? ""
                    return list.split(separator: "\n").count == System.coreCount
                }
            }
        }
    }
}
