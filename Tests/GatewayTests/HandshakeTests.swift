import Support
import Testing

@Suite("The handshake", .besideAWorker)
struct HandshakeTests {
    private typealias Frame = RawWebSocket.Frame

    struct Refused: Sendable, CustomTestStringConvertible {
        let testDescription: String
        var method = "GET"
        var headers: [String: String?]
    }

    @Test("An upgrade answers the key as RFC 6455 does, and agrees to no extension")
    func upgrade() async throws {
        let offers = [
            "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits",
            "Sec-WebSocket-Protocol": "presence, chat",
        ]
        try await withResponse(to: RawWebSocket.upgradeRequest(AttackedWorker.target(), headers: offers)) { response in
            #expect(response.status == 101)
            #expect(response.headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
            #expect(response.headers["sec-websocket-extensions"] == nil)
            #expect(response.headers["sec-websocket-protocol"] == "presence")
        }
    }

    @Test("A subprotocol is selected only if it is ours", arguments: [nil, "chat", "token.abc"])
    func otherProtocol(_ offer: String?) async throws {
        let request = RawWebSocket.upgradeRequest(
            AttackedWorker.target(), headers: ["Sec-WebSocket-Protocol": offer])
        try await withResponse(to: request) { response in
            #expect(response.status == 101 && response.headers["sec-websocket-protocol"] == nil)
        }
    }

    @Test(
        "Words of the upgrade are read in any case and among others",
        arguments: [
            ["Connection": "keep-alive, Upgrade"], ["Connection": "upgrade"], ["Upgrade": "WebSocket"],
        ])
    func lenient(_ headers: [String: String]) async throws {
        let request = RawWebSocket.upgradeRequest(AttackedWorker.target(), headers: headers.mapValues { $0 })
        try await withResponse(to: request) { #expect($0.status == 101) }
    }

    @Test(
        "A request that is no upgrade of this version is answered with a problem",
        arguments: [
            Refused(testDescription: "plain GET", headers: ["Connection": nil, "Upgrade": nil]),
            Refused(testDescription: "no Upgrade", headers: ["Upgrade": nil]),
            Refused(testDescription: "no Connection", headers: ["Connection": nil]),
            Refused(testDescription: "other Upgrade", headers: ["Upgrade": "h2c"]),
            Refused(testDescription: "POST", method: "POST", headers: ["Content-Length": "0"]),
            Refused(testDescription: "no version", headers: ["Sec-WebSocket-Version": nil]),
            Refused(testDescription: "version 8", headers: ["Sec-WebSocket-Version": "8"]),
            Refused(testDescription: "no key", headers: ["Sec-WebSocket-Key": nil]),
            Refused(testDescription: "a key that is no base64", headers: ["Sec-WebSocket-Key": "what key?"]),
            Refused(testDescription: "a key of 15 bytes", headers: ["Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25j"]),
        ])
    func refused(_ refused: Refused) async throws {
        let request = RawWebSocket.upgradeRequest(
            AttackedWorker.target(), method: refused.method, headers: refused.headers)
        try await withResponse(to: request) { response in
            #expect([400, 405, 426].contains(response.status), "\(response)")
            #expect(response.headers["content-type"] == "application/problem+json", "\(response)")
            if response.status == 426 {
                #expect(response.headers["upgrade"]?.lowercased() == "websocket", "\(response)")
                #expect(response.headers["sec-websocket-version"] == "13", "\(response)")
            }
        }
    }

    @Test("A plain GET hears 426, and an upgrade behind it on the same connection is accepted")
    func upgradeRequired() async throws {
        let plain = RawWebSocket.upgradeRequest(
            AttackedWorker.target(), headers: ["Connection": nil, "Upgrade": nil])
        try await RawWebSocket.withConnection(port: AttackedWorker.worker.port) { socket in
            for (request, status) in [(plain, 426), (RawWebSocket.upgradeRequest(AttackedWorker.target()), 101)] {
                socket.send(request)
                let response = try await socket.response()
                #expect(response.status == status)
            }
        }
    }

    @Test("Frames in the packet of the request are not lost", arguments: Delivery.allCases)
    func frameAtOnce(_ delivery: Delivery) async throws {
        try await RawWebSocket.withConnection(port: AttackedWorker.worker.port) { socket in
            let bytes = RawWebSocket.upgradeRequest(AttackedWorker.target()) + Frame.text(#"{"type":"logout"}"#).bytes
            try await delivery.send(bytes, on: socket)
            #expect(try await socket.response().status == 101)
            #expect(try await socket.message()["type"].string == "welcome")
            #expect(try await socket.message()["type"].string == "logout")
            try await socket.expectClose(1000)
        }
    }

    @Test("A violation in the packet of the request closes with its code")
    func violationAtOnce() async throws {
        try await RawWebSocket.withConnection(port: AttackedWorker.worker.port) { socket in
            socket.send(RawWebSocket.upgradeRequest(AttackedWorker.target()) + Frame(Frame.binary, [1]).bytes)
            #expect(try await socket.response().status == 101)
            try await socket.expectClose(1003)
        }
    }

    @Test("Whoever connects and does not send a request is cut", arguments: [0, 1, 20, 100])
    func silence(bytes: Int) async throws {
        try await RawWebSocket.withConnection(port: AttackedWorker.worker.port) { socket in
            socket.send(Array(RawWebSocket.upgradeRequest(AttackedWorker.target()).prefix(bytes)))
            while try await socket.next() != nil {}
        }
    }

    @Test("Whoever owes a token and is silent, or only pings, is closed with 4102", arguments: [false, true])
    func noToken(pings: Bool) async throws {
        let settings = ["app.id": "1400000000", "app.secret-key": String(repeating: "5bd2850fff3ecb11", count: 4)]
        try await Deployment.with(workers: 1, settings) { deployment in
            try await RawWebSocket.with(port: deployment.workers[0].port, AttackedWorker.target()) { client in
                if pings { client.send(.ping()) }
                try await client.expectClose(4102)
            }
        }
    }

    private func withResponse(
        to request: [UInt8], body: (RawWebSocket.Response) async throws -> Void
    ) async throws {
        try await RawWebSocket.withConnection(port: AttackedWorker.worker.port) { socket in
            socket.send(request)
            try await body(try await socket.response())
        }
    }
}
