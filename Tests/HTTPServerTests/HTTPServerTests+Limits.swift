import HTTPServer
import NIOCore
import NIOHTTP1
import NIOPosix
import ServiceLifecycle
import Support
import Testing

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
