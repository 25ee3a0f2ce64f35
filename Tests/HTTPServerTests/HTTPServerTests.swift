import Foundation
import HTTPServer
import NIOCore
import NIOHTTP1
import NIOPosix
import ServiceLifecycle
import Support
import Testing

@Suite("The HTTP server", .timeLimit(.minutes(1)))
struct HTTPServerTests {
    private static func get(_ path: String, _ fields: String = "", _ version: String = "1.1") -> String {
        "GET \(path) HTTP/\(version)\r\nHost: x\r\n\(fields)\r\n"
    }

    private static func post(_ path: String, _ body: String, _ fields: String = "") -> String {
        "POST \(path) HTTP/1.1\r\nHost: x\r\nContent-Length: \(body.utf8.count)\r\n\(fields)\r\n\(body)"
    }

    @Test("Requests of a connection are answered in order, however their bytes come")
    func inOrder() async throws {
        try await Server.with { server in
            let bytes = (1...5).map { Self.post("/\($0)", "body \($0)") + Self.get("/get\($0)") }.joined()
            for size in [1, 7, 1_000] {
                try await RawConnection.with(port: server.port) { client in
                    for start in stride(from: 0, to: bytes.count, by: size) {
                        try await client.send(String(bytes.dropFirst(start).prefix(size)))
                    }
                    for number in 1...5 {
                        #expect(try await client.answer()?.body == "/\(number) body \(number)")
                        #expect(try await client.answer()?.body == "/get\(number) ")
                    }
                }
            }
        }
    }

    @Test("A malformed request does not cut off the answer before it, which may take its time")
    func malformedBehind() async throws {
        try await Server.with { server in
            try await RawConnection.with(port: server.port) { client in
                try await client.send(Self.get("/wait") + "BREW / HTTP/1.1\r\n\r\n")
                try await eventually(else: "the first is not served") { !server.requests.isEmpty }
                server.release()
                #expect(try await client.answer()?.body == "/wait ")
                let refusal = try await client.answer()
                #expect(refusal?.status == 400)
                #expect(refusal?["connection"] == "close")
            }
        }
    }

    @Test("A body that is announced too long is refused before a byte of it came, and can be read by who sends on")
    func announcedBody() async throws {
        try await Server.with { server in
            try await RawConnection.with(port: server.port) { client in
                let body = String(repeating: "a", count: 9_000_000)
                try await client.send("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: \(body.count)\r\n\r\n")
                #expect(try await client.answer()?.status == 413)
                try await client.send(body)
                client.finish()
                #expect(try await client.rest() == "")
            }
            try await RawConnection.with(port: server.port) { client in
                let chunk = "40000\r\n\(String(repeating: "a", count: 0x40000))\r\n"
                try await client.send("POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
                for _ in 1...30 { try await client.send(chunk) }
                #expect(try await client.answer()?.status == 413)
            }
            #expect(server.requests.isEmpty)
        }
    }

    @Test("A body of 1 MiB is read, in one piece and in chunks")
    func longBody() async throws {
        try await Server.with { server in
            try await RawConnection.with(port: server.port) { client in
                let body = String(repeating: "a", count: 1 << 20)
                try await client.send(Self.post("/a", body))
                #expect(try await client.answer()?.body == "/a \(body)")
                let chunks = String(repeating: "4;x=y\r\nabcd\r\n", count: 100)
                try await client.send(
                    "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n\(chunks)0\r\n\r\n")
                #expect(try await client.answer()?.body == "/a " + String(repeating: "abcd", count: 100))
            }
        }
    }

    @Test("HEAD is answered without a body but with its length")
    func head() async throws {
        try await Server.with { server in
            try await RawConnection.with(port: server.port) { client in
                for path in ["/a", "/big"] {
                    try await client.send("HEAD \(path) HTTP/1.1\r\nHost: x\r\n\r\n")
                    let answer = try await client.answer(hasBody: false)
                    #expect(answer?["content-length"] == (path == "/a" ? "3" : "1048576"))
                    #expect(answer?["date"]?.hasSuffix(" GMT") == true)
                }
                try await client.send(Self.get("/b"))
                #expect(try await client.answer()?.body == "/b ")
            }
        }
    }

    @Test("A connection of HTTP/1.0, and one asked to close in whatever case, is closed behind the answer")
    func closing() async throws {
        try await Server.with { server in
            for request in [
                Self.get("/a", "", "1.0"), "GET /a HTTP/1.0\r\n\r\n",
                Self.get("/a", "Connection: keep-alive\r\n", "1.0"),
                Self.get("/a", "Connection: Close\r\n"), Self.get("/a", "Connection: TE, cLoSe\r\n"),
            ] {
                try await RawConnection.with(port: server.port) { client in
                    try await client.send(request)
                    let answer = try await client.answer()
                    #expect(answer?.body == "/a ")
                    #expect(answer?["connection"] == "close")
                    #expect(try await client.rest() == "")
                }
            }
        }
    }

    @Test("Who asks for the go-ahead gets it, or the final answer at once")
    func expectations() async throws {
        try await Server.with { server in
            func head(_ path: String, _ length: Int) -> String {
                "POST \(path) HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: \(length)\r\n\r\n"
            }
            try await RawConnection.with(port: server.port) { client in
                try await client.send(head("/a", 3))
                #expect(try await client.answer()?.head == "HTTP/1.1 100 Continue\r\n\r\n")
                try await client.send("abc")
                #expect(try await client.answer()?.body == "/a abc")
            }
            for (path, length, status) in [("/a", 9_000_000, 413), ("/secret", 3, 401)] {
                try await RawConnection.with(port: server.port) { client in
                    try await client.send(head(path, length))
                    #expect(try await client.answer()?.status == status)
                    #expect(try await client.rest() == "")
                }
            }
        }
    }

    @Test("A client that has closed its side gets its answers")
    func halfClosed() async throws {
        try await Server.with { server in
            try await RawConnection.with(port: server.port) { client in
                try await client.send(Self.get("/wait") + Self.get("/b") + "GET /c")
                client.finish()
                try await eventually(else: "the first is not served") { !server.requests.isEmpty }
                server.release()
                #expect(try await client.answer()?.body == "/wait ")
                #expect(try await client.answer()?.body == "/b ")
                #expect(try await client.rest() == "")
            }
        }
    }

    @Test("An answer in parts comes in chunks, to HTTP/1.0 as it is, and to HEAD not at all")
    func stream() async throws {
        try await Server.with { server in
            try await RawConnection.with(port: server.port) { client in
                try await client.send("HEAD /stream HTTP/1.1\r\nHost: x\r\n\r\n" + Self.get("/stream") + Self.get("/b"))
                #expect(try await client.answer(hasBody: false)?["transfer-encoding"] == "chunked")
                #expect(try await client.answer(hasBody: false)?["content-length"] == nil)
                let text = try await client.text(with: "/b ")
                #expect(text?.hasPrefix("6\r\npart 1\r\n6\r\npart 2\r\n6\r\npart 3\r\n0\r\n\r\nHTTP/1.1 200") == true)
            }
            try await RawConnection.with(port: server.port) { client in
                try await client.send(Self.get("/stream", "", "1.0"))
                #expect(try await client.rest().hasSuffix("\r\n\r\npart 1part 2part 3"))
            }
        }
    }
}

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
        let upgrade = HTTPServerUpgrade(headers: [("Upgrade", "shout")]) { channel in
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
        let upgrade = HTTPServerUpgrade(headers: [("Upgrade", "shout")]) { channel in
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

    private static func listens(_ port: Int) async -> Bool {
        do {
            try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                .connect(host: "127.0.0.1", port: port).get().close()
            return true
        } catch {
            return false
        }
    }
}

// Clients that take without giving.
extension HTTPServerTests {
    @Test("A client that says nothing, or too little, is let go in time")
    func slowClients() async throws {
        var limits = HTTPServerLimits()
        limits.firstHeadTimeout = .seconds(1)
        limits.headTimeout = .seconds(1)
        limits.bodyTimeout = .seconds(1)
        limits.idleTimeout = .seconds(2)
        try await Server.with(limits) { server in
            let cases = [
                ("", ""), ("GET /a HTTP/1.1\r\nHo", "HTTP/1.1 408"),
                ("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na", "HTTP/1.1 408"),
            ]
            for (bytes, start) in cases {
                try await RawConnection.with(port: server.port) { client in
                    if !bytes.isEmpty { try await client.send(bytes) }
                    let answer = try await client.rest()
                    #expect(answer.hasPrefix(start) && answer.isEmpty == start.isEmpty, "\(bytes): \(answer)")
                }
            }
            for later in ["", "GET /b HT"] {
                try await RawConnection.with(port: server.port) { client in
                    try await client.send(Self.get("/a") + later)
                    #expect(try await client.answer()?.body == "/a ")
                    #expect(try await client.rest().hasPrefix(later.isEmpty ? "" : "HTTP/1.1 408"))
                }
            }
        }
    }

    @Test("A client that asks and reads nothing is let go, and its requests are not served on")
    func unreadAnswers() async throws {
        var limits = HTTPServerLimits()
        limits.writeTimeout = .milliseconds(300)
        try await Server.with(limits) { server in
            try await RawConnection.with(port: server.port, receiveBytes: 4_096) { client in
                try await client.send(String(repeating: Self.get("/big"), count: 400))
                try await eventually(else: "it is still served") {
                    let count = server.requests.count
                    try await Task.sleep(for: .milliseconds(600))
                    return count == server.requests.count
                }
                #expect(server.requests.count < 50)
                let answers = try await client.rest()
                #expect(answers.utf8.count < 50 << 20, "it was closed in the midst")
            }
        }
    }

    @Test("A stream is made no faster than it is read, and ends with its client")
    func streamBackPressure() async throws {
        try await Server.with { server in
            try await RawConnection.with(port: server.port, receiveBytes: 4_096) { client in
                try await client.send(Self.get("/endless"))
                try await eventually(else: "the stream goes on unread") {
                    let count = server.requests.count
                    try await Task.sleep(for: .milliseconds(300))
                    return count > 1 && count == server.requests.count
                }
                #expect(server.requests.count < 500)
            }
            try await eventually(else: "the stream goes on without a client") { server.requests.last == "ended" }
        }
    }
}

// How many, and the end.
extension HTTPServerTests {
    private static func connect(from address: String, to port: Int) async throws -> any Channel {
        let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .bind(to: SocketAddress(ipAddress: address, port: 0)).connect(host: "127.0.0.1", port: port).get()
        // The server may have closed it already.
        try? await channel.writeAndFlush(ByteBuffer(string: get("/a"))).get()
        return channel
    }

    @Test("With as many connections as may be no more are accepted until one closes")
    func connectionsMax() async throws {
        try await Server.with(connectionsMax: 3) { server in
            var channels: [any Channel] = []
            for _ in 1...4 { channels.append(try await Self.connect(from: "127.0.0.1", to: server.port)) }
            try await eventually(else: "3 are not served") { server.requests.count >= 3 }
            try await Task.sleep(for: .milliseconds(100))
            #expect(server.requests.count == 3)
            try await channels[0].close()
            try await eventually(else: "the fourth is not accepted") { server.requests.count == 4 }
            for channel in channels.dropFirst() { try await channel.close() }
        }
    }

    @Test("An address that takes all it can get leaves a tenth to others")
    func reserve() async throws {
        try await Server.with(connectionsMax: 20, keepsReserve: true) { server in
            var channels: [any Channel] = []
            for _ in 1...19 { channels.append(try await Self.connect(from: "127.0.0.1", to: server.port)) }
            try await eventually(else: "not 18 are let in") { channels.count(where: \.isActive) == 18 }
            channels.append(try await Self.connect(from: "127.0.0.2", to: server.port))
            try await eventually(else: "another address is not served") { server.requests.count == 19 }
            for channel in channels where channel.isActive { try await channel.close() }
        }
    }

    @Test("A server that stops lets idle clients go at once and answers what was asked")
    func stopping() async throws {
        try await Server.with { server in
            try await RawConnection.with(port: server.port) { idle in
                try await idle.send(Self.get("/a"))
                _ = try await idle.answer()
                try await RawConnection.with(port: server.port) { client in
                    try await client.send(Self.get("/wait"))
                    try await eventually(else: "it is not served") { server.requests.count == 2 }
                    await server.services.triggerGracefulShutdown()
                    #expect(try await idle.rest() == "")
                    #expect(await !Self.listens(server.port))
                    server.release()
                    let answer = try await client.answer()
                    #expect(answer?.body == "/wait ")
                    #expect(answer?["connection"] == "close")
                }
            }
        }
    }
}
