import NIOCore
import NIOHTTP1
import RedisClient
import Support
import Testing

@testable import PresenceAPI

// Streams, from their first part to their last.
extension FeedRouteTests {
    @Test("A stream of users: where they stand, then their changes; no proxy keeps it back")
    func users() async throws {
        try await APIServer.withRedis { api in
            let before = try await Self.login(api, "a,b")
            try await RawConnection.with(port: api.port) { connection in
                try await connection.send(Self.stream("/v1/events?users=a%2Cb,bob,bob", "Last-Event-ID: nonsense"))
                let head = try #require(try await connection.text(with: "\"errors\":[]}\n\n"))
                #expect(head.hasPrefix("HTTP/1.1 200 OK\r\n") && head.contains("Content-Type: text/event-stream\r\n"))
                #expect(head.contains("Cache-Control: no-store\r\n") && head.contains("X-Accel-Buffering: no\r\n"))
                #expect(head.contains("retry: 1000\n\nevent: snapshot\ndata: {\"results\":["))
                #expect(head.contains(#""user":"a,b","status":"Online","version":\#(before["version"].int ?? 0)"#))
                #expect(head.contains(#""user":"bob","status":"Offline","version":0"#))
                _ = try await Self.login(api, "eve")
                _ = try await Self.login(api, "bob")
                let text = try #require(try await connection.text(with: #""user":"bob","version""#))
                #expect(text.contains("event: change\ndata: {") && !text.contains("\"eve\""))
            }
        }
    }

    @Test("A stream of all goes on behind the last id, which counts more than `after`")
    func resumed() async throws {
        try await APIServer.withRedis { api in
            let cursor = try #require(try await api.get("/v1/events").json["next"].string)
            _ = try await Self.login(api, "ann")
            try await RawConnection.with(port: api.port) { connection in
                try await connection.send(Self.stream("/v1/events?after=1-0-0-x", "Last-Event-ID: \(cursor)"))
                #expect(try await connection.text(with: #""user":"ann""#) != nil)
                _ = try await Self.login(api, "bob")
                #expect(try await connection.text(with: #""user":"bob""#) != nil)
            }
        }
    }

    @Test("HEAD opens no stream, and the connection serves on", arguments: ["/v1/events", "/v1/overview"])
    func head(_ target: String) async throws {
        try await APIServer.withRedis { api in
            try await RawConnection.with(port: api.port) { connection in
                let head = Self.stream(target).replacing("GET", with: "HEAD")
                try await connection.send(head + head)
                for _ in 0..<2 {
                    let answer = try #require(try await connection.answer(hasBody: false))
                    #expect(answer.status == 200 && answer["content-type"] == "text/event-stream")
                }
            }
        }
    }

    @Test(
        "A server that stops ends streams with a reason, at once",
        arguments: [("/v1/events", "cursor"), ("/v1/events?users=ann", "snapshot"), ("/v1/overview", "overview")])
    func stops(_ target: String, _ first: String) async throws {
        let (ends, end) = AsyncStream<String>.makeStream()
        try await withThrowingTaskGroup { group in
            try await APIServer.withRedis { api in
                let (starts, start) = AsyncStream<Void>.makeStream()
                group.addTask {
                    // Nobody waits for what will not come.
                    defer {
                        start.finish()
                        end.finish()
                    }
                    try await RawConnection.with(port: api.port) { connection in
                        try await connection.send(Self.stream(target))
                        let begin = try await connection.text(with: "event: \(first)")
                        #expect(begin?.contains("\r\nretry: 1000\n\n") == true)
                        start.yield()
                        end.yield(try await connection.rest())
                    }
                }
                for await _ in starts { break }
            }
            try await group.waitForAll()
            let text = try #require(await ends.first { _ in true })
            #expect(text.contains("event: end\ndata: {\"code\":\"stopping\",") && text.hasSuffix("\r\n0\r\n\r\n"))
        }
    }

    @Test(
        "While Redis hangs streams give signs of life before a page gives them up, and go on when it answers",
        arguments: [
            ("/v1/events", ": heartbeat\n"), ("/v1/events?users=ann", ": heartbeat\n"),
            ("/v1/overview", "\"trouble\":"),
        ])
    func hangs(_ target: String, _ signOfLife: String) async throws {
        try await APIServer.withRedisServer { api, server in
            try await RawConnection.with(port: api.port) { connection in
                try await connection.send(Self.stream(target))
                _ = try await connection.text(with: "event: ")
                await server.pause()
                let paused = ContinuousClock.now
                // What was on its way when it was paused.
                try await eventually(else: "it answers") { try await api.get("/v1/stats").status == 503 }
                connection.forget()
                for _ in 0..<2 {
                    #expect(try await connection.text(with: signOfLife) != nil)
                    connection.forget()
                    if signOfLife.hasPrefix(":") { break }
                }
                #expect(ContinuousClock.now - paused < .seconds(18))
                await server.resume()
                try await eventually(else: "it answers no more") { try await api.get("/v1/stats").status == 200 }
                connection.forget()
                try await eventually(else: "nobody can log in") {
                    try await api.post("/v1/sessions", #"{"user":"ann","platform":"Web"}"#).status == 201
                }
                #expect(try await connection.text(with: #""user":"ann""#) != nil)
            }
        }
    }

    @Test("A client that closes its side has its stream ended")
    func closed() async throws {
        try await APIServer.withRedis { api in
            try await RawConnection.with(port: api.port) { connection in
                try await connection.send(Self.stream("/v1/events"))
                _ = try await connection.text(with: "event: cursor")
                connection.finish()
                #expect(try await connection.rest().contains("event: end") == false)
            }
            try await eventually(else: "it is counted still") { api.streams == 0 }
        }
    }

    /// An event of 100 kB, as no caller can make one.
    private static func addLargeChange(_ version: Int, on api: APIServer) async throws {
        let fields = [
            "user", "eve", "version", "\(version)", "previous", "\(version - 1)", "action", "Logout", "reason",
            "Kicked",
            "session", "Web:1:g", "status", "Offline", "userStatus", "Offline", "address", "", "kicked", "", "note",
            String(repeating: "x", count: 100_000),
        ]
        _ = try await api.redis.send(RedisCommand("XADD", key: "presence:{003}:events", ["*"] + fields))
    }

    @Test("Who does not read is ended, and the others hear everything")
    func slowReader() async throws {
        try await APIServer.withRedis { api in
            try await RawConnection.with(port: api.port, receiveBytes: 4_096) { slow in
                try await slow.send(Self.stream("/v1/events"))
                _ = try await slow.text(with: "event: cursor")
                try await RawConnection.with(port: api.port) { fast in
                    try await fast.send(Self.stream("/v1/events?users=ann"))
                    _ = try await fast.text(with: "event: snapshot")
                    var version = 0
                    try await eventually(timeout: .seconds(120), else: "the slow one is never ended") {
                        version += 1
                        try await Self.addLargeChange(version, on: api)
                        return api.streams == 1
                    }
                    _ = try await Self.login(api, "ann")
                    #expect(try await fast.text(with: #""user":"ann","version""#) != nil)
                }
                #expect(try await slow.rest().contains("\"code\":\"too-slow\""))
            }
        }
    }
}
