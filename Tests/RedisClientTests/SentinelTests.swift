import NIOCore
import Support
import Testing

@testable import RedisClient

/// A master that sentinels watch.
@Suite(.timeLimit(.minutes(2))) struct SentinelTests {
    private func withClient(
        of set: RedisSentinels, sentinels: [RedisServer]? = nil, login: RedisEndpoint.Login? = nil,
        master: String = RedisSentinels.masterName, _ body: (RedisClient) async throws -> Void
    ) async throws {
        let addresses = (sentinels ?? set.sentinels).map { RedisAddress.tcp(host: $0.host, port: $0.port) }
        var endpoint = RedisEndpoint(servers: .sentinels(addresses, master: master))
        endpoint.sentinelLogin = login
        try await RedisClient.with(endpoint, body)
    }

    private func write(_ client: RedisClient, _ value: String) async -> Bool {
        await client.pipeline([RedisCommand("SET", key: "k", value)])[0].isAnswer
    }

    @Test("The master is found, and another one after it has died")
    func failover() async throws {
        try await RedisSentinels.withSentinels { set in
            try await withClient(of: set) { client in
                #expect(try await client.send(RedisCommand("SET", key: "k", "1")) == .string("OK"))
                let former = try await set.currentMaster()
                try await former.kill()
                try await eventually(else: "no write is accepted") { await write(client, "2") }
                // A sentinel may hear of it from the others a moment later.
                try await eventually(else: "nobody took over") { try await set.currentMaster().port != former.port }
                #expect(try await set.currentMaster().command("GET", "k") == .string("2"))
            }
        }
    }

    @Test("A former master that wakes up is not asked, not even over connections that were idle")
    func wakesUp() async throws {
        try await RedisSentinels.withSentinels { set in
            try await withClient(of: set) { client in
                _ = try await client.send(RedisCommand("SET", key: "k", "old"))
                let former = try await set.currentMaster()
                await former.pause()
                try await eventually(else: "nobody took over") {
                    try await set.currentMaster(askedOf: set.sentinels[0]).port != former.port
                }
                try await eventually(else: "no write is accepted") { await write(client, "new") }
                await former.resume()
                var news = 0
                for _ in 0..<200 {
                    let value = try? await client.send(RedisCommand("GET", key: "k"))
                    #expect(value == nil || value == .string("new"))
                    if value != nil { news += 1 }
                }
                #expect(news > 0)
            }
        }
    }

    @Test("A server that says it is the master is not used while a sentinel names another")
    func vouched() async throws {
        try await RedisSentinels.withSentinels { set in
            try await withClient(of: set) { client in
                #expect(await write(client, "1"))
                let former = set.servers[0]
                try await former.kill()
                try await eventually(else: "no write is accepted") { await write(client, "2") }
                try await former.start()
                // The sentinels leave it a master for some seconds yet.
                let node = client.table.node(at: .tcp(host: former.host, port: former.port))
                let command = RedisPipeline([RedisCommand("GET", key: "k")]).bytes
                for _ in 0..<20 {
                    let read = await node.exchange(command, replyCount: 1)
                    #expect(!read[0].isAnswer)
                }
                #expect(try await former.command("ROLE").array?.first == .string("master"))
            }
        }
    }

    @Test("A master that is moved on purpose is followed at once")
    func moved() async throws {
        try await RedisSentinels.withSentinels { set in
            try await withClient(of: set) { client in
                #expect(await write(client, "1"))
                try await set.sentinels[0].command("SENTINEL", "FAILOVER", RedisSentinels.masterName)
                let former = set.servers[0]
                try await eventually(else: "the master is the same") {
                    client.table.routes.masters.first?.address.description != former.address
                }
                try await eventually(else: "no write is accepted") { await write(client, "2") }
            }
        }
    }

    @Test("Without sentinels the master known is used on; when it dies too the reason is told, until one is back")
    func noSentinels() async throws {
        try await RedisSentinels.withSentinels { set in
            try await withClient(of: set) { client in
                #expect(await write(client, "1"))
                for sentinel in set.sentinels { try await sentinel.kill() }
                #expect(await write(client, "2"))
                try await set.servers[0].kill()
                try await eventually(else: "the reason is not told") {
                    guard case .failure(let error) = await client.pipeline([RedisCommand("GET", key: "k")])[0] else {
                        return false
                    }
                    return error.message.contains("sentinel")
                }
                try await set.servers[0].start()
                for sentinel in set.sentinels { try await sentinel.start() }
                try await eventually(else: "no write is accepted") { await write(client, "3") }
            }
        }
    }

    @Test("Of sentinels that disagree the one with the newest configuration is believed")
    func disagree() async throws {
        try await RedisSentinels.withSentinels { set in
            await set.sentinels[0].pause()
            try await set.servers[0].kill()
            try await eventually(else: "nobody took over") {
                try await set.currentMaster(askedOf: set.sentinels[1]).port != set.servers[0].port
            }
            // It is as it was, and so is the sentinel that knows no better.
            for sentinel in set.sentinels.dropFirst() { await sentinel.pause() }
            await set.sentinels[0].resume()
            try await set.servers[0].start()
            for sentinel in set.sentinels.dropFirst() { await sentinel.resume() }
            try await withClient(of: set) { client in
                try await eventually(else: "no write is accepted") { await write(client, "1") }
                let master = try await set.currentMaster(askedOf: set.sentinels[1])
                #expect(try await master.command("GET", "k") == .string("1"))
            }
        }
    }

    @Test("A sentinel that wants a password gets it, and a sentence tells where it is set")
    func password() async throws {
        try await RedisSentinels.withSentinels(sentinelPassword: "secret") { set in
            try await withClient(of: set, login: .init(password: "secret")) { client in
                try await eventually(else: "no write is accepted") { await write(client, "1") }
            }
            try await withClient(of: set, login: .init(password: "wrong")) { client in
                try await eventually(else: "no sentence") {
                    guard case .failure(let error) = await client.pipeline([RedisCommand("GET", key: "k")])[0] else {
                        return false
                    }
                    return error.message.contains("sentinel-password")
                }
            }
        }
    }

    @Test("A name the sentinels do not know is told")
    func unknownName() async throws {
        try await RedisSentinels.withSentinels { set in
            try await withClient(of: set, master: "other") { client in
                try await eventually(else: "no sentence") {
                    guard case .failure(let error) = await client.pipeline([RedisCommand("GET", key: "k")])[0] else {
                        return false
                    }
                    return error.code == .invalidConfiguration && error.message.contains("know no master other")
                }
            }
        }
    }
}
