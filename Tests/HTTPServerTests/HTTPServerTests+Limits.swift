import Foundation
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
                // Closed with requests unread, it is reset.
                try await eventually(else: "it is still served") {
                    do { try await client.send("x") } catch { return true }
                    return false
                }
                #expect(server.requests.count < 50)
            }
        }
    }

    @Test("A stream is made no faster than it is read, and ends with a client that reads nothing")
    func streamBackPressure() async throws {
        var limits = HTTPServerLimits()
        limits.writeTimeout = .milliseconds(300)
        try await Server.with(limits) { server in
            try await RawConnection.with(port: server.port, receiveBytes: 4_096) { client in
                try await client.send(Self.get("/endless"))
                try await eventually(else: "the stream goes on unread") { server.requests.last == "ended" }
                #expect(server.requests.count < 500)
                #expect(!server.requests.contains("asked though nobody is there"))
            }
        }
    }

    @Test("A stream ends when its client goes")
    func streamWithoutClient() async throws {
        try await Server.with { server in
            try await RawConnection.with(port: server.port) { client in
                try await client.send(Self.get("/endless"))
                _ = try await client.text(with: "aaa")
            }
            try await eventually(else: "the stream goes on without a client") { server.requests.last == "ended" }
        }
    }

    @Test(
        "When its client breaks off a question ends, what may change something is finished", arguments: ["GET", "POST"])
    func clientGone(_ method: String) async throws {
        try await Server.with(connectionsMax: 1) { server in
            let client = try await Self.connect(to: server.port)
            try await client.writeAndFlush(ByteBuffer(string: "\(method) /work HTTP/1.1\r\nHost: x\r\n\r\n")).get()
            try await eventually(else: "it is not served") { !server.requests.isEmpty }
            let socket = try #require(client as? any SocketOptionProvider)
            try await socket.setSoLinger(linger(l_onoff: 1, l_linger: 0)).get()
            try await client.close()
            // There is room for another one when the server has noticed.
            try await RawConnection.with(port: server.port) { client in
                try await client.send(Self.get("/b"))
                #expect(try await client.answer()?.body == "/b ")
            }
            server.release()
            try await eventually(else: "it is not done") { server.requests.contains("\(method) done") }
            #expect(server.requests.contains("\(method) cancelled") == (method == "GET"))
        }
    }
}

// How many, and the end.
extension HTTPServerTests {
    private static func connect(from address: String = "127.0.0.1", to port: Int) async throws -> any Channel {
        try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .bind(to: SocketAddress(ipAddress: address, port: 0)).connect(host: "127.0.0.1", port: port).get()
    }

    /// The server may have closed it already.
    private static func ask(_ path: String, _ channel: any Channel) async {
        try? await channel.writeAndFlush(ByteBuffer(string: get(path))).get()
    }

    /// Each is served often enough that others would be too if they were accepted.
    private static func checkOnly(
        _ served: Range<Int>, of channels: [any Channel], areServedBy server: Server
    ) async throws {
        for number in served {
            for turn in 1...20 {
                let path = "/\(number)/\(served.lowerBound)/\(turn)"
                await ask(path, channels[number])
                try await eventually(else: "\(path) is not served") { server.requests.contains("GET \(path) ") }
            }
        }
        let others = served.upperBound..<channels.count
        #expect(!others.contains { server.requests.contains("GET /\($0) ") })
    }

    @Test("With as many connections as may be no more are accepted until one closes, however many come at once")
    func connectionsMax() async throws {
        try await Server.with(connectionsMax: 3) { server in
            var channels: [any Channel] = []
            for number in 0..<40 {
                channels.append(try await Self.connect(to: server.port))
                await Self.ask("/\(number)", channels[number])
            }
            try await Self.checkOnly(0..<3, of: channels, areServedBy: server)
            try await channels[0].close()
            try await Self.checkOnly(1..<4, of: channels, areServedBy: server)
            for channel in channels.dropFirst() { try await channel.close() }
        }
    }

    @Test("An address that takes all it can get leaves a tenth to others")
    func reserve() async throws {
        try await Server.with(connectionsMax: 20, keepsReserve: true) { server in
            var channels: [any Channel] = []
            for _ in 1...19 { channels.append(try await Self.connect(to: server.port)) }
            try await eventually(else: "not 18 are let in") { channels.count(where: \.isActive) == 18 }
            channels.append(try await Self.connect(from: "127.0.0.2", to: server.port))
            await Self.ask("/a", channels[19])
            try await eventually(else: "another address is not served") { server.requests.count == 1 }
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

    @Test("A server whose port is closed by the system does not live on deaf: it ends, and says so")
    func deaf() async throws {
        let server = HTTPServer(
            HTTPServer.Configuration(host: "127.0.0.1", port: 0), eventLoopGroup: .singletonMultiThreadedEventLoopGroup,
            logger: .silent, onListening: { Self.closeListener(of: $0) },
            refuse: { _, _ in HTTPServerResponse(.badRequest) }, decide: { _ in .answer(HTTPServerResponse(.ok)) })
        await #expect(throws: HTTPServerError.self) { try await server.run() }
    }

    /// As if the system did it: the socket is in this process.
    private static func closeListener(of port: Int) {
        for descriptor in Int32(3)..<1_024 {
            var address = sockaddr_in()
            var (size, isListening) = (socklen_t(MemoryLayout<sockaddr_in>.size), Int32(0))
            var optionSize = socklen_t(MemoryLayout<Int32>.size)
            let isFound = withUnsafeMutablePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &size) == 0 }
            }
            guard isFound, Int(UInt16(bigEndian: address.sin_port)) == port,
                getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &isListening, &optionSize) == 0, isListening != 0
            else { continue }
            shutdown(descriptor, Int32(SHUT_RDWR))
        }
    }
}
