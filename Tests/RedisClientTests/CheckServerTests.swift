import RedisClient
import Support
import Testing

@Suite struct CheckServerTests {
    private static let one = RedisEndpoint(servers: .single(.tcp(host: "127.0.0.1", port: 6379)))

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
                let info = try await #require(client.checkServer().first)
                #expect(info.role == "master")
                #expect(info.software.contains("7.") || info.software.contains("8."))
                #expect(info.warnings.contains { $0.contains("appendonly yes") })
            }
        }
        try await RedisServer.withRedis(["--appendonly", "yes"]) { server in
            try await server.withClient { client in
                let info = try await #require(client.checkServer().first)
                #expect(info.warnings.isEmpty)
            }
        }
    }

    @Test("A cluster whose masters all stop when one is away is accepted, with a warning")
    func fullCoverage() async throws {
        try await RedisCluster.withCluster(masters: 2) { cluster in
            try await RedisClient.with(cluster.url) { client in
                _ = try await client.checkServer()
                #expect(await client.warningOfFullCoverage() == nil)
                try await cluster.nodes[1].command("CONFIG", "SET", "cluster-require-full-coverage", "yes")
                #expect(await client.warningOfFullCoverage()?.contains("cluster-require-full-coverage no") == true)
            }
            try await RedisClient.with(cluster.serviceURL) { client in
                _ = try await client.checkServer()
                #expect(await client.warningOfFullCoverage() == nil, "it cannot be asked, so nothing is known")
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
                let info = try await #require(client.checkServer().first)
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
        let error = try #require(throws: RedisError.self) { try old.check(as: Self.one, allowEviction: false) }
        #expect(error.message.contains("Redis 6.2.14 is too old"))
        let valkey = RedisServerInfo("redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.0.1\r\n" + lines)
        try valkey.check(as: Self.one, allowEviction: false)
        #expect(valkey.software == "Valkey 8.0.1")
    }

    @Test("A server in cluster mode is refused, with a sentence that says what works")
    func cluster() async throws {
        let clusterPort = try await FreePort.next()
        let arguments = ["--cluster-enabled", "yes", "--cluster-port", "\(clusterPort)"]
        #expect(try await complaint(arguments)?.contains("Write redis+cluster://") == true)
    }

    @Test("A master that takes writes which too few replicas receive is refused, also where only INFO tells")
    func minReplicas() async throws {
        func complaint(_ url: String, _ demanded: Int) async throws -> String? {
            var options = RedisClientOptions()
            options.minReplicas = demanded
            return try await RedisClient.with(url, options: options) { client -> String? in
                do {
                    _ = try await client.checkServer()
                    return nil
                } catch let error as RedisError {
                    return error.message
                }
            }
        }
        try await RedisServer.withRedis { server in
            let sentence = "Set min-replicas-to-write 1 on all of its servers"
            for url in [server.url, server.serviceURL] {
                #expect(try await complaint(url, 0) == nil)
                #expect(try await complaint(url, 1)?.contains(sentence) == true)
            }
            try await server.command("CONFIG", "SET", "min-replicas-to-write", "1")
            for url in [server.url, server.serviceURL] { #expect(try await complaint(url, 1) == nil) }
            #expect(try await complaint(server.url, 2)?.contains("only 1 replicas receive") == true)
            try await server.command("CONFIG", "SET", "min-replicas-max-lag", "0")
            for url in [server.url, server.serviceURL] {
                #expect(try await complaint(url, 1)?.contains(sentence) == true)
            }
        }
    }

    @Test("Where a failover can come, it is warned of writes that nobody else receives")
    func splitBrain() async throws {
        try await RedisSentinels.withSentinels { set in
            func warning(_ url: String) async throws -> String? {
                try await RedisClient.with(url) { client in
                    client.warningOfSplitBrain(try await client.checkServer())
                }
            }
            #expect(try await warning(set.url)?.contains("Set min-replicas-to-write 1") == true)
            #expect(try await warning(set.servers[0].url) == nil)
            try await set.servers[0].command("CONFIG", "SET", "min-replicas-to-write", "1")
            #expect(try await warning(set.url) == nil)
        }
    }

    @Test("What is no INFO is refused")
    func garbage() {
        #expect(throws: RedisError.self) { try RedisServerInfo("hello").check(as: Self.one, allowEviction: false) }
    }
}
