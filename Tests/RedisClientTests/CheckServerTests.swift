import RedisClient
import Support
import Testing

@Suite struct CheckServerTests {
    private func complaint(_ arguments: [String]) async throws -> String? {
        try await RedisServer.withRedis(arguments) { server in
            try await server.withClient { client -> String? in
                do {
                    _ = try await client.checkServer()
                    return nil
                } catch let error as RedisError {
                    return error.code == .unsupportedServer ? error.message : nil
                }
            }
        }
    }

    @Test("A server as installed is accepted, with a warning that it may lose changes")
    func accepts() async throws {
        try await RedisServer.withRedis { server in
            try await server.withClient { client in
                let info = try await client.checkServer()
                #expect(info.role == "master")
                #expect(info.software.contains("7.") || info.software.contains("8."))
                #expect(info.warnings.contains { $0.contains("appendonly yes") })
            }
        }
        try await RedisServer.withRedis(["--appendonly", "yes"]) { server in
            try await server.withClient { client in
                let info = try await client.checkServer()
                #expect(info.warnings.isEmpty)
            }
        }
    }

    @Test("A server that evicts live data is refused, unless that is allowed")
    func eviction() async throws {
        let arguments = ["--maxmemory-policy", "allkeys-lru"]
        #expect(try await complaint(arguments)?.contains("Set maxmemory-policy noeviction") == true)
        var options = RedisClientOptions()
        options.allowEviction = true
        try await RedisServer.withRedis(arguments) { server in
            try await server.withClient(options: options) { client in
                let info = try await client.checkServer()
                #expect(info.evictionPolicy == "allkeys-lru")
            }
        }
    }

    @Test("A replica is refused")
    func replica() async throws {
        #expect(try await complaint(["--replicaof", "127.0.0.1 1"])?.contains("redis.url at the master") == true)
    }

    @Test("An old server is refused, and Valkey is not old")
    func version() throws {
        let lines = "role:master\r\nmaxmemory_policy:noeviction\r\n"
        let old = RedisServerInfo("redis_version:6.2.14\r\n" + lines)
        let error = try #require(throws: RedisError.self) { try old.check(allowEviction: false) }
        #expect(error.message.contains("Redis 6.2.14 is too old"))
        let valkey = RedisServerInfo("redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.0.1\r\n" + lines)
        try valkey.check(allowEviction: false)
        #expect(valkey.software == "Valkey 8.0.1")
    }

    @Test("A server in cluster mode is refused, with a sentence that says what works")
    func cluster() async throws {
        let clusterPort = try await FreePort.next()
        let arguments = ["--cluster-enabled", "yes", "--cluster-port", "\(clusterPort)"]
        #expect(try await complaint(arguments)?.contains("Point redis.url at a server with cluster-enabled no") == true)
    }

    @Test("What is no INFO is refused")
    func garbage() {
        #expect(throws: RedisError.self) { try RedisServerInfo("hello").check(allowEviction: false) }
    }
}
