import HTTPServer
import NIOCore
import NIOHTTP1
import NIOPosix
import ServiceLifecycle
import Support
import Testing

// CONNECT and upgrades.
extension HTTPServerTests {
    private static let offers = [
        "CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n\r\n",
        get("/a", "Connection: Upgrade\r\n"), get("/a", "Upgrade: h2c\r\n"),
        get("/a", "Connection: Upgrade\r\nUpgrade: other\r\n"),
        get("/a", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"),
        get("/a", "Connection:\tupgrade\r\nUpgrade: h2c\r\n"), get("/a", "Connection: upgrade \r\nUpgrade: h2c\r\n"),
        get("/a", "Connection: keep-alive , upGrade\r\nUpgrade: h2c\r\n"),
        get("/a", "Connection: keep-alive\r\nConnection: upgrade\r\nUpgrade: h2c\r\n"),
        get("/a", "Proxy-Connection: upgrade\r\nUpgrade: h2c\r\n"),
        get("/a", "Connection: upgrades\r\nUpgrade: h2c\r\n"),
        get("/a", "Connection: ,upgrade\r\nUpgrade: h2c\r\n"),
        get("/a", "Connection: close-not, upgrade,\r\nUpgrade: h2c\r\n"),
        get("/a", "Connection: x-upgrade\r\nUpgrade: h2c\r\n"),
        get("/a", "Connection: upgrade,upgrade\r\nUpgrade: a\r\nUpgrade: b\r\n"),
        post("/a", "abc", "Connection: Upgrade\r\nUpgrade: h2c\r\n"),
        "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
            + "3\r\nabc\r\n0\r\n\r\n",
    ]

    @Test("Who offers another protocol is answered in this one, and so are its next requests", arguments: offers)
    func unknownUpgrade(_ offer: String) async throws {
        let bytes = offer + Self.get("/b") + offer + offer + Self.get("/c")
        try await Server.with { server in
            for size in [1, 11, 40, 10_000] {
                try await RawConnection.with(port: server.port) { client in
                    for start in stride(from: 0, to: bytes.count, by: size) {
                        try await client.send(String(bytes.dropFirst(start).prefix(size)))
                    }
                    for path in [nil, "/b", nil, nil, "/c"] {
                        let answer = try await client.answer()
                        #expect(answer?.status == 200)
                        if let path { #expect(answer?.body == "\(path) ") }
                    }
                }
            }
        }
    }

    @Test("What is sent behind an unknown upgrade is read as HTTP, and refused")
    func bytesBehindUpgrade() async throws {
        try await Server.with { server in
            try await RawConnection.with(port: server.port) { client in
                try await client.send(Self.get("/a", "Connection: Upgrade\r\nUpgrade: h2c\r\n"))
                #expect(try await client.answer()?.body == "/a ")
                try await client.send(String(repeating: "a", count: 9_000_000))
                #expect(try await client.answer()?.status == 400)
            }
        }
    }

    /// Sends back what it gets, in capitals.
    private final class Shout: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let text = String(buffer: unwrapInboundIn(data)).uppercased()
            context.channel.writeAndFlush(ByteBuffer(string: text), promise: nil)
        }
    }

    @Test("An upgrade that is known takes place, also behind other requests, and gets the bytes sent along")
    func knownUpgrade() async throws {
        let upgrade = HTTPServerUpgrade(headers: [("Upgrade", "shout")]) { channel, _ in
            try channel.pipeline.syncOperations.addHandler(Shout())
        }
        let offer = Self.get("/upgrade", "Connection: Upgrade\r\nUpgrade: shout\r\n")
        try await Server.with(upgrade: upgrade) { server in
            for before in ["", Self.get("/a"), Self.get("/a", "Connection: Upgrade\r\nUpgrade: h2c\r\n")] {
                try await RawConnection.with(port: server.port) { client in
                    try await client.send(before + offer + "hello")
                    if !before.isEmpty { #expect(try await client.answer()?.body == "/a ") }
                    let answer = try await client.answer()
                    #expect(
                        answer?.head
                            == "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: shout\r\n\r\n")
                    #expect(try await client.text(with: "HELLO") != nil)
                    try await client.send("again")
                    #expect(try await client.text(with: "AGAIN") != nil)
                }
            }
        }
    }

    @Test("A server that stops does not wait for what is something else than HTTP by now")
    func upgradedOutlivesServer() async throws {
        let upgrade = HTTPServerUpgrade(headers: [("Upgrade", "shout")]) { channel, _ in
            try channel.pipeline.syncOperations.addHandler(Shout())
        }
        try await Server.with(upgrade: upgrade) { server in
            try await RawConnection.with(port: server.port) { client in
                try await client.send(Self.get("/upgrade", "Connection: Upgrade\r\nUpgrade: shout\r\n"))
                _ = try await client.answer()
                await server.services.triggerGracefulShutdown()
                try await eventually(else: "the server still listens") { await !Self.listens(server.port) }
                try await client.send("still here")
                #expect(try await client.text(with: "STILL HERE") != nil)
            }
        }
    }

    static func listens(_ port: Int) async -> Bool {
        do {
            try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                .connect(host: "127.0.0.1", port: port).get().close()
            return true
        } catch {
            return false
        }
    }
}
