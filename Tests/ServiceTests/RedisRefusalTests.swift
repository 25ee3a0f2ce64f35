import Foundation
import NIOCore
import NIOPosix
import Support
import Testing

/// What stops a start on a Redis that is spoken to in the wrong way, or that is the wrong one.
@Suite("A start on a Redis that cannot be used ends with one sentence, and no secret", .timeLimit(.minutes(2)))
struct RedisRefusalTests {
    private let authority: TestAuthority

    init() throws { authority = try TestAuthority() }

    @Test("with a wrong password, or without a permission")
    func login() async throws {
        try await RedisServer.withRedis(["--user", "me", "on", ">hunter2", "~*", "&*", "+@all", "-evalsha"]) { server in
            try await expectRefusal(
                ["--redis-url", "redis://me:hunter3@127.0.0.1:\(server.port)"], "Redis refused the login")
            try await expectRefusal(
                ["--redis-url", "redis://me:hunter2@127.0.0.1:\(server.port)"], "Add +evalsha to its ACL")
        }
        try await RedisSentinels.withSentinels(sentinelPassword: "hunter2") { set in
            let url = set.serviceURL.replacing("hunter2", with: "hunter3")
            try await expectRefusal(["--redis-url", url], "A sentinel refused the login")
        }
    }

    @Test("in plain where it speaks TLS, and the reverse")
    func otherProtocol() async throws {
        try await RedisServer.withRedis(tls: RedisServerTLS(try authority.certificate())) { server in
            let plain = server.serviceURL.replacing("rediss", with: "redis")
            try await expectRefusal(["--redis-url", plain], "Write rediss:// in redis.url")
        }
        try await RedisServer.withRedis { server in
            let encrypted = server.serviceURL.replacing("redis:", with: "rediss:")
            try await expectRefusal(["--redis-url", encrypted], "Write redis:// in redis.url")
        }
    }

    @Test("with a certificate that has expired, is for another name, or of a CA nobody named")
    func certificates() async throws {
        let files = try temporaryFolder("ca")
        defer { removeFolder(files) }
        let ca = try authority.certificate().write(to: files).authority
        for (certificate, sentence) in [
            (try authority.certificate(expiry: .now - 10), "The certificate of Redis has expired"),
            (try authority.certificate(names: ["redis.example"], addresses: []), "is not for 127.0.0.1"),
            (.signed, "a CA that is not in the file of redis.ca-file"),
        ] {
            try await RedisServer.withRedis(tls: RedisServerTLS(certificate)) { server in
                try await expectRefusal(["--redis-url", server.serviceURL, "--redis-ca-file", ca], sentence)
            }
        }
        let setup = RedisServerTLS(try authority.certificate(), demandsClientCertificate: true)
        try await RedisServer.withRedis(tls: setup) { server in
            try await expectRefusal(
                ["--redis-url", server.serviceURL, "--redis-ca-file", ca], "Set redis.certificate-file")
        }
    }

    @Test("in cluster mode with another database, or without it as one")
    func cluster() async throws {
        try await RedisCluster.withCluster { cluster in
            try await expectRefusal(
                ["--redis-url", cluster.serviceURL + "/1"], "has a database other than 0, which a cluster does not have"
            )
            try await expectRefusal(["--redis-url", cluster.nodes[0].serviceURL + "/1"], "Redis refused database 1")
            try await expectRefusal(
                ["--redis-url", cluster.nodes[0].serviceURL], "Write redis+cluster:// in redis.url")
        }
        try await RedisServer.withRedis { server in
            let url = server.url.replacing("redis:", with: "redis+cluster:")
            try await expectRefusal(["--redis-url", url], "does not run in cluster mode")
        }
    }

    @Test("that evicts, takes writes no replica receives, or is too old")
    func servers() async throws {
        try await RedisServer.withRedis(["--maxmemory-policy", "volatile-lru"]) { server in
            try await expectRefusal(["--redis-url", server.serviceURL], "Set maxmemory-policy noeviction")
        }
        try await RedisServer.withRedis { server in
            try await expectRefusal(
                ["--redis-url", server.serviceURL, "--redis-min-replicas", "1"], "Set min-replicas-to-write 1")
        }
        let old = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(OldRedis()) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(old.localAddress?.port)
        try await expectRefusal(["--redis-url", "redis://:hunter2@127.0.0.1:\(port)"], "Redis 6.2.14 is too old")
        try await old.close()
    }

    @Test("by the commands, too, which take what they need to reach it")
    func commands() async throws {
        let files = try temporaryFolder("ca")
        defer { removeFolder(files) }
        let ours = try authority.certificate(addresses: []).write(to: files)
        let setup = RedisServerTLS(try authority.certificate(addresses: []), demandsClientCertificate: true)
        try await RedisServer.withRedis(tls: setup) { server in
            let flags = [
                "--redis-url", server.serviceURL, "--redis-ca-file", ours.authority, "--redis-certificate-file",
                ours.certificate, "--redis-key-file", ours.key,
            ]
            let refused = try await PresenceProcess.end(of: ["query", "ann"] + flags)
            #expect(refused.status == 78 && refused.output.contains("is not for 127.0.0.1"), "\(refused)")
            let end = try await PresenceProcess.end(
                of: ["query", "ann"] + flags + ["--redis-server-name", "localhost"])
            #expect(end.output.contains("No service keeps presence there"), "\(end)")
        }
    }

    private func expectRefusal(_ flags: [String], _ sentence: String) async throws {
        let end = try await PresenceProcess.end(of: ["serve", "--port", "0"] + flags)
        #expect(end.status != 0 && end.status != nil, "\(end.output)")
        let told = end.output.split(separator: "\n").filter { $0.hasPrefix("presence: ") }
        #expect(
            told.count == 1 && end.output.hasSuffix("\n" + told[0] + "\n") || end.output == told[0] + "\n",
            "\(end.output)")
        #expect(told.first?.contains(sentence) == true, "\(end.output)")
        for secret in ["hunter2", "hunter3", "change-me"] { #expect(!end.output.contains(secret), "\(end.output)") }
    }
}

/// As far as it takes to be asked what it is. None can be installed beside the one the tests run on.
private final class OldRedis: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let commands = String(buffer: unwrapInboundIn(data)).matches(of: /\*\d+\r\n\$\d+\r\n(\w+)\r\n/)
        let info = "redis_version:6.2.14\r\nrole:master\r\nmaxmemory_policy:noeviction\r\n"
        let replies = commands.map { $0.1 == "INFO" ? "$\(info.utf8.count)\r\n\(info)\r\n" : "+OK\r\n" }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: replies.joined())), promise: nil)
    }
}
