import Support
import Testing

@Suite("Silence", .beside(workers: 1, Deployment.silenceTimeouts))
struct SilenceTests {
    @Test(
        "A client that only keeps its socket open is asked, then closed, and lost by timeout, once",
        arguments: [
            ("Windows", "Disconnect/TimeOut", "Offline"), ("Web", "Disconnect/LinkClose", "Offline"),
            ("Android", "Disconnect/TimeOut", "PushOnline"),
        ])
    func silent(platform: String, change: String, status: String) async throws {
        let (deployment, user) = (try Deployment.ofSuite, newUser())
        let start = ContinuousClock.now
        let session = try await deployment.withClient(user, platform) { client, welcome in
            try await client.expectWanted()
            #expect(try await deployment.backend.status(user) == "Online")
            #expect(try await client.closing().code == 4101)
            #expect(ContinuousClock.now - start > .milliseconds(5_900))
            return welcome.session
        }
        try await eventually(else: "still Online") { try await deployment.backend.status(user) == status }
        try await deployment.expectChanges(of: user, "Login/Register", change)
        try await deployment.withClient(user, platform, query: ["session": session]) { _, welcome in
            #expect(!welcome.resumed)
        }
    }

    @Test(
        "A client that does nothing but answer, and be it with a ping, stays Online",
        arguments: [RawWebSocket.Frame.text(#"{"type":"heartbeat"}"#), .ping()])
    func answering(_ answer: RawWebSocket.Frame) async throws {
        let (deployment, user) = (try Deployment.ofSuite, newUser())
        try await deployment.withClient(user) { client, _ in
            for _ in 0..<3 {
                try await client.expectWanted()
                client.send(answer)
                if answer.opcode == RawWebSocket.Frame.ping {
                    #expect(try await client.next()?.opcode == RawWebSocket.Frame.pong)
                }
                #expect(try await client.message() == .object(["type": .text("heartbeat")]))
            }
            try await deployment.expectChanges(of: user, "Login/Register")
            #expect(try await deployment.backend.status(user) == "Online")
        }
    }
}

@Suite("Pings of the server", .beside(workers: 1, Deployment.keepaliveSettings))
struct KeepaliveTests {
    private typealias Frame = RawWebSocket.Frame

    @Test("A client that only answers pings, as a browser does for a frozen page, is lost by timeout")
    func frozen() async throws {
        let (deployment, user) = (try Deployment.ofSuite, newUser())
        try await deployment.withClient(user, "Web") { client, _ in
            var pings = 0
            var frame = try await client.next()
            while let ping = frame, ping.closeCode == nil, pings < 10 {
                if ping.opcode == Frame.ping {
                    pings += 1
                    client.send(Frame(Frame.pong, ping.payload))
                }
                frame = try await client.next()
            }
            #expect(frame?.closeCode == 4101)
            #expect((3...6).contains(pings), "\(pings) pings in 6 s")
        }
        try await eventually(else: "still Online") { try await deployment.backend.status(user) == "Offline" }
        try await deployment.expectChanges(of: user, "Login/Register", "Disconnect/LinkClose")
    }

    @Test("The pong that is owed does not count against the client's rate; others do")
    func rate() async throws {
        let deployment = try Deployment.ofSuite
        try await deployment.withClient(newUser()) { client, _ in
            let ping = try #require(try await client.next())
            #expect(ping.opcode == Frame.ping)
            let (pong, heartbeat) = (Frame(Frame.pong, ping.payload), Frame.text(#"{"type":"heartbeat"}"#))
            client.send((Array(repeating: heartbeat, count: 49) + [pong, .ping("open?")]).flatMap(\.bytes))
            #expect(try await client.answer()?.opcode == Frame.pong)
            client.send(Array(repeating: pong, count: 60).flatMap(\.bytes))
            try await client.expectClose(4103)
        }
    }
}

extension RawWebSocket {
    fileprivate func expectWanted() async throws {
        #expect(try await message() == .object(["type": .text("heartbeat"), "wanted": .bool(true)]))
    }
}

extension Deployment {
    fileprivate static let keepaliveSettings = silenceTimeouts.merging(["connect.keepalive-ms": "1000"]) { $1 }

    /// Who says nothing is asked after 3.25 s.
    fileprivate static let silenceTimeouts = [
        "heartbeat.mobile-interval-ms": "500", "heartbeat.mobile-timeout-ms": "6000",
        "heartbeat.desktop-interval-ms": "500", "heartbeat.desktop-timeout-ms": "6000",
        "heartbeat.browser-interval-ms": "500", "heartbeat.browser-timeout-ms": "6000",
        "push.retention-ms": "400000",
    ]
}
