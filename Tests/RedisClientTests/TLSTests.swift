import Foundation
import RedisClient
import Support
import Testing

@Suite("Redis over TLS", .timeLimit(.minutes(2)))
struct TLSTests {
    private let authority: TestAuthority

    init() throws { authority = try TestAuthority() }

    private let ping = RedisCommand(keyless: "PING")

    @Test("A server is used whose certificate a trusted CA has signed for its name, or for its address")
    func trusted() async throws {
        try await authority.withFiles { tls in
            let names = RedisServerTLS(try authority.certificate(addresses: []))
            try await RedisServer.withRedis(tls: names) { server in
                try await RedisClient.use("rediss://localhost:\(server.port)", tls) { _ = try await $0.send(ping) }
            }
            let addresses = RedisServerTLS(try authority.certificate(names: []))
            try await RedisServer.withRedis(tls: addresses) { server in
                try await RedisClient.use(server.url, tls) { _ = try await $0.send(ping) }
            }
        }
    }

    @Test("A server whose certificate is for another name is used when that name is given")
    func serverName() async throws {
        try await authority.withFiles { tls in
            var tls = tls
            tls.serverName = "redis.example"
            let setup = RedisServerTLS(try authority.certificate(names: ["redis.example"], addresses: []))
            try await RedisServer.withRedis(tls: setup) { server in
                try await RedisClient.use(server.url, tls) { _ = try await $0.send(ping) }
                tls.serverName = nil
                try await expect("is not for 127.0.0.1. Write a name it is for into redis.server-name", server.url, tls)
            }
        }
    }

    @Test("A server whose certificate is for another name is refused")
    func wrongName() async throws {
        try await authority.withFiles { tls in
            let setup = RedisServerTLS(try authority.certificate(names: ["redis.example"], addresses: []))
            try await RedisServer.withRedis(tls: setup) { server in
                try await expect("is not for localhost", "rediss://localhost:\(server.port)", tls)
            }
        }
    }

    @Test("A server whose certificate has expired is refused")
    func expired() async throws {
        try await authority.withFiles { tls in
            let setup = RedisServerTLS(try authority.certificate(expiry: .now - 10))
            try await RedisServer.withRedis(tls: setup) { server in
                try await expect("has expired", server.url, tls)
            }
        }
    }

    @Test("A server with a certificate of another CA is refused")
    func untrusted() async throws {
        try await authority.withFiles { tls in
            try await RedisServer.withRedis(tls: RedisServerTLS(.localhost)) { server in
                let url = "rediss://localhost:\(server.port)"
                try await expect("not in the file of redis.ca-file", url, tls)
                try await expect("Name a PEM file of its CA in redis.ca-file", url, RedisTLS())
            }
        }
    }

    @Test("A server that demands a certificate is shown ours, and without one it is said what to set")
    func clientCertificate() async throws {
        try await authority.withFiles(ours: authority.certificate()) { tls in
            let setup = RedisServerTLS(try authority.certificate(), demandsClientCertificate: true)
            try await RedisServer.withRedis(tls: setup) { server in
                try await RedisClient.use(server.url, tls) { _ = try await $0.send(ping) }
                let none = RedisTLS(authorityFile: tls.authorityFile)
                try await expect("Set redis.certificate-file", server.url, none)
                try await authority.withFiles(ours: authority.certificate(expiry: .now - 10)) { expired in
                    try await expect("does not accept the certificate of redis.certificate-file", server.url, expired)
                }
            }
        }
    }

    @Test("Each side that speaks otherwise than the URL is told by the scheme to write")
    func otherProtocol() async throws {
        try await authority.withFiles { tls in
            try await RedisServer.withRedis(tls: RedisServerTLS(try authority.certificate())) { server in
                let plain = server.url.replacing("rediss", with: "redis")
                try await expect("Write rediss:// in redis.url", plain, RedisTLS())
                let seed = plain.replacing("redis:", with: "redis+cluster:")
                try await expect("Write rediss+cluster:// in redis.url", seed, RedisTLS())
            }
            try await RedisServer.withRedis { server in
                let encrypted = server.url.replacing("redis", with: "rediss")
                try await expect("Write redis:// in redis.url", encrypted, tls)
                let seed = encrypted.replacing("rediss:", with: "rediss+cluster:")
                try await expect("Write redis+cluster:// in redis.url", seed, tls)
            }
        }
    }

    @Test(
        "A file that cannot be used is named by its key",
        arguments: [
            ("redis.ca-file", "cannot be read: No such file"), ("redis.ca-file", "is no PEM of a certificate"),
            ("redis.certificate-file", "is no PEM of a certificate"), ("redis.key-file", "is no PEM of a private key"),
            ("redis.key-file", "is not the key of the certificate"),
        ])
    func files(key: String, complaint: String) async throws {
        try await authority.withFiles(ours: authority.certificate()) { tls in
            let path = try #require(
                key == "redis.ca-file" ? tls.authorityFile : key == "redis.key-file" ? tls.keyFile : tls.certificateFile
            )
            if complaint.contains("cannot") {
                try FileManager.default.removeItem(atPath: path)
            } else if complaint.contains("not the key") {
                try await withTemporaryFolder { folder in
                    let other = try authority.certificate().write(to: folder)
                    try Data(contentsOf: URL(filePath: other.key)).write(to: URL(filePath: path))
                }
            } else {
                try Data("nonsense".utf8).write(to: URL(filePath: path))
            }
            let url = "rediss://127.0.0.1:\(try await FreePort.next())"
            try await expect("\(key) names \"\(path)\", which \(complaint)", url, tls)
        }
    }

    @Test("A server that is away is no matter of TLS")
    func away() async throws {
        try await authority.withFiles { tls in
            try await RedisServer.withRedis(tls: RedisServerTLS(try authority.certificate())) { server in
                try await RedisClient.use(server.url, tls) { client in
                    _ = try await client.send(ping)
                    for isKilled in [false, true] {
                        if isKilled { try await server.kill() } else { await server.pause() }
                        let error = try await #require(throws: RedisError.self) { try await client.send(ping) }
                        #expect(error.passesSoon, "\(error)")
                        if isKilled { try await server.start() } else { await server.resume() }
                        try await eventually(else: "it does not come back") {
                            (try? await client.send(ping)) != nil
                        }
                    }
                }
            }
        }
    }

    @Test("Subscriptions, sentinels and clusters are in TLS, too")
    func everything() async throws {
        try await authority.withFiles(ours: authority.certificate()) { tls in
            let setup = RedisServerTLS(try authority.certificate(), demandsClientCertificate: true)
            try await RedisSentinels.withSentinels(tls: setup) { set in
                try await RedisClient.use(set.url, tls) { client in try await publishes(client) }
            }
            try await RedisCluster.withCluster(tls: setup) { cluster in
                try await RedisClient.use(cluster.url, tls) { client in try await publishes(client) }
            }
        }
    }

    private func publishes(_ client: RedisClient) async throws {
        for await event in client.subscribe(to: [RedisChannel("news")]) {
            if event == .subscribed { _ = try await client.send(client.publishing("hello", to: "news")) }
            if event == .message(channel: "news", payload: "hello") { return }
        }
    }

    /// Commands end with this sentence as soon as the servers have been tried.
    private func expect(_ sentence: String, _ url: String, _ tls: RedisTLS) async throws {
        try await RedisClient.use(url, tls) { client in
            var told: RedisError?
            try await eventually(else: told.map { "\($0)" } ?? "it is used") {
                guard case .failure(let error) = await client.pipeline([ping])[0] else { return false }
                told = error
                return error.code == .invalidConfiguration
            }
            #expect(told?.message.contains(sentence) == true, "\(told.map { "\($0)" } ?? "")")
        }
    }
}
