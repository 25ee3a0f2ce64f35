import Foundation
import Support
import Testing

/// What clients, proxies and attackers do to the port of a worker that runs.
@Suite("The front door of a worker", .timeLimit(.minutes(2)))
struct FrontDoorTests {
    private static func get(_ path: String, _ fields: String = "") -> String {
        "GET \(path) HTTP/1.1\r\nHost: x\r\n\(fields)\r\n"
    }

    private static func withWorker(
        _ settings: [String: String] = [:], body: (PresenceProcess) async throws -> Void
    ) async throws {
        try await RedisServer.withRedis { redis in
            try await PresenceProcess.withWorker(redis: redis.url, settings, body: body)
        }
    }

    private static func residentBytes(_ worker: PresenceProcess) throws -> Int {
        let statm = try String(contentsOfFile: "/proc/\(worker.child.pid)/statm", encoding: .utf8)
        return (Int(statm.split(separator: " ")[1]) ?? 0) << 12
    }

    @Test("After an offer to upgrade, or CONNECT, a connection serves on, and what floods behind it stays nowhere")
    func upgrades() async throws {
        try await Self.withWorker(["auth.api-keys": "key"]) { worker in
            let before = try Self.residentBytes(worker)
            for offer in [
                Self.get("/health/live", "Connection: Upgrade\r\nUpgrade: h2c\r\n"),
                "CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n\r\n",
            ] {
                try await RawConnection.with(port: worker.port) { client in
                    for _ in 1...3 {
                        try await client.send(offer + Self.get("/health/live"))
                        #expect(try await client.answer()?.status == (offer.hasPrefix("CONNECT") ? 404 : 200))
                        #expect(try await client.answer()?.status == 200)
                    }
                    try await client.send(offer)
                    // The worker may close at any point of it.
                    let flood = String(repeating: "a", count: 1 << 20)
                    for _ in 1...200 { do { try await client.send(flood) } catch { break } }
                }
            }
            #expect(try Self.residentBytes(worker) - before < 16 << 20)
            #expect(try await RawConnection.health(of: worker) == 200)
        }
    }

    @Test("A body of 9 MB is told 413 at once, with and without an expectation, and by its length and its chunks")
    func largeBodies() async throws {
        try await Self.withWorker { worker in
            let body = String(repeating: "a", count: 9_000_000)
            let post = "POST /v1/statuses HTTP/1.1\r\nHost: x\r\n"
            let sent = [
                "\(post)Content-Length: 9000000\r\n\r\n\(body)",
                "\(post)Content-Length: 9000000\r\nExpect: 100-continue\r\n\r\n",
                "\(post)Transfer-Encoding: chunked\r\n\r\n895440\r\n\(body)\r\n0\r\n\r\n",
            ]
            for bytes in sent {
                try await RawConnection.with(port: worker.port) { client in
                    let started = ContinuousClock.now
                    try await client.send(bytes)
                    #expect(try await client.answer()?.status == 413)
                    #expect(ContinuousClock.now - started < .seconds(3))
                }
            }
        }
    }

    @Test("Who expects the go-ahead gets it, or what is known without the body")
    func expectations() async throws {
        try await Self.withWorker(["auth.api-keys": "key"]) { worker in
            for (key, status) in [("key", 100), ("other", 401)] {
                try await RawConnection.with(port: worker.port) { client in
                    let fields = "Authorization: Bearer \(key)\r\nContent-Length: 15\r\nExpect: 100-continue\r\n"
                    try await client.send("POST /v1/statuses HTTP/1.1\r\nHost: x\r\n\(fields)\r\n")
                    #expect(try await client.answer()?.status == status)
                    guard status == 100 else { return }
                    try await client.send(#"{"users":["a"]}"#)
                    #expect(try await client.answer()?.status == 200)
                }
            }
        }
    }

    @Test("A client that asks for much and reads nothing is closed")
    func unread() async throws {
        try await Self.withWorker { worker in
            try await RawConnection.with(port: worker.port, receiveBytes: 4_096) { client in
                try await client.send(Self.get("/health/live"))
                #expect(try await client.answer()?.status == 200)
                #expect(try worker.holdsConnection(from: client.localPort))
                try await client.send(String(repeating: Self.get("/openapi.json"), count: 400))
                try await eventually(timeout: .seconds(90), else: "the worker keeps it") {
                    try !worker.holdsConnection(from: client.localPort)
                }
            }
        }
    }

    @Test("Close in whatever case, and HTTP/1.0, end the connection behind the answer")
    func closing() async throws {
        try await Self.withWorker { worker in
            for request in [
                Self.get("/health/live", "Connection: Close\r\n"), "GET /health/live HTTP/1.0\r\n\r\n",
            ] {
                try await RawConnection.with(port: worker.port) { client in
                    try await client.send(request)
                    #expect(try await client.answer()?.status == 200)
                    #expect(try await client.rest() == "")
                }
            }
        }
    }

    @Test("A WebSocket is accepted on a connection that has served requests, also after an unknown upgrade")
    func socketOnUsedConnection() async throws {
        try await Self.withWorker { worker in
            try await RawWebSocket.withConnection(port: worker.port) { socket in
                for fields in [
                    "", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n",
                ] {
                    socket.send(Array(Self.get("/health/live", fields).utf8))
                    #expect(try await socket.response().status == 200)
                }
                socket.send(RawWebSocket.upgradeRequest("/v1/connect?user=ann&platform=Web"))
                let response = try await socket.response()
                #expect(response.status == 101)
                #expect(response.headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
                #expect(try await socket.message()["type"] == "welcome")
            }
        }
    }

    @Test("Requests made wrong by chance are answered with problems or a close; the worker lives, its memory is flat")
    func corpus() async throws {
        try await Self.withWorker { worker in
            var random = SeededGenerator(seed: 4_711)
            _ = try await RawConnection.health(of: worker)
            let before = try Self.residentBytes(worker)
            for number in 1...1_000 {
                let bytes = Self.damaged(&random)
                let answer = try await RawConnection.with(port: worker.port) { client in
                    try? await client.send(bytes)
                    client.finish()
                    return try await client.rest()
                }
                let statuses = answer.matches(of: /HTTP\/1.1 (\d+)/).compactMap { Int($0.1) }
                #expect(
                    statuses.allSatisfy {
                        [100, 200].contains($0) || (400..<500).contains($0) || [503, 505].contains($0)
                    },
                    "\(number): \(bytes.debugDescription) -> \(answer)")
                let problems = answer.components(separatedBy: "application/problem+json").count - 1
                #expect(problems == statuses.count { $0 >= 400 })
            }
            #expect(try await RawConnection.health(of: worker) == 200)
            #expect(try Self.residentBytes(worker) - before < 8 << 20)
        }
    }

    /// A good request, with a few bytes of it taken away, doubled or put in from what is special to HTTP.
    private static func damaged(_ random: inout SeededGenerator) -> String {
        let requests = [
            get("/v1/sessions?limit=1", "Connection: keep-alive\r\nAccept: */*\r\n"),
            "POST /v1/statuses HTTP/1.1\r\nHost: x\r\nContent-Length: 17\r\n\r\n{\"users\":[\"ann\"]}",
            "POST /v1/statuses HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n11\r\n{\"users\":[\"ann\"]}\r\n0\r\n\r\n",
            get("/v1/connect?user=a&platform=Web", "Connection: Upgrade\r\nUpgrade: websocket\r\n"),
            "CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n\r\n",
        ]
        let special = [
            "\r", "\n", "\r\n", " ", "\t", "\0", ":", ",", ";", "%", "\u{7f}", "é", "0", "-1", "ffffffffffffffff",
            "Content-Length: 3\r\n", "Transfer-Encoding: chunked\r\n", "Host: y\r\n", "Expect: x\r\n", "HTTP/9.9",
            "Expect: 100-continue\r\n", "Connection: close\r\n", "Connection: upgrade\r\nUpgrade: h2c\r\n",
            "Content-Length: 999999999\r\n", "POST", "*", "http://x",
        ]
        var bytes = Array(requests.randomElement(using: &random)?.utf8 ?? "".utf8)
        for _ in 1...Int.random(in: 1...4, using: &random) {
            let place = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0...2, using: &random) {
            case 0: bytes.remove(at: place)
            case 1: bytes.insert(bytes[place], at: place)
            default: bytes.insert(contentsOf: Array((special.randomElement(using: &random) ?? "").utf8), at: place)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension RawConnection {
    fileprivate static func health(of worker: PresenceProcess) async throws -> Int? {
        try await with(port: worker.port) { client in
            try await client.send("GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
            return try await client.answer()?.status
        }
    }
}
