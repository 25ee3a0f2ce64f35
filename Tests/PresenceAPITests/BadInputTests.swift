import NIOCore
import NIOHTTP1
import Support
import Testing

@testable import PresenceAPI

/// A call that must be refused.
private struct Refusal: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let call: Call
    let code: ProblemCode
    let field: String?

    init(_ name: String, _ path: String, _ body: String, _ code: ProblemCode = .invalidField, field: String? = nil) {
        self.init(name, .post(path, body), code, field: field)
    }

    init(_ name: String, _ call: Call, _ code: ProblemCode = .invalidField, field: String? = nil) {
        testDescription = name
        self.call = call
        self.code = code
        self.field = field
    }

    static func login(_ name: String, _ body: String, field: String) -> Refusal {
        Refusal(name, "/v1/sessions", body, field: field)
    }

    static func unreadable(_ name: String, _ body: String) -> Refusal {
        Refusal(name, "/v1/sessions", body, .invalidJSON)
    }
}

private func text(_ count: Int) -> String { String(repeating: "x", count: count) }

private func heartbeats(_ count: Int, last: String = "Web:a:b") -> String {
    let beats = (1...count).map { #"{"user":"ann","session":"\#($0 == count ? last : "Web:a:b")"}"# }
    return #"{"sessions":[\#(beats.joined(separator: ","))]}"#
}

private func statuses(_ count: Int) -> String {
    #"{"users":[\#((1...count).map { "\"u\($0)\"" }.joined(separator: ","))]}"#
}

@Suite("Bad input is refused by name, before the store is asked")
struct BadInputTests {
    private static let logins: [Refusal] = [
        .login("empty user", #"{"user":"","platform":"Web"}"#, field: "user"),
        .login("user of 129 bytes", #"{"user":"\#(text(129))","platform":"Web"}"#, field: "user"),
        .login("user of 10 kB", #"{"user":"\#(text(10_240))","platform":"Web"}"#, field: "user"),
        .login("user with a line break", #"{"user":"a\nb","platform":"Web"}"#, field: "user"),
        .login("user with NUL", #"{"user":"a\u0000b","platform":"Web"}"#, field: "user"),
        .login("user with a C1 control", #"{"user":"a\u0085b","platform":"Web"}"#, field: "user"),
        .login("user a number", #"{"user":7,"platform":"Web"}"#, field: "user"),
        .login("user null", #"{"user":null,"platform":"Web"}"#, field: "user"),
        .login("user an object", #"{"user":{},"platform":"Web"}"#, field: "user"),
        .login("no user", #"{"platform":"Web"}"#, field: "user"),
        .login("no platform", #"{"user":"ann"}"#, field: "platform"),
        .login("unknown platform", #"{"user":"ann","platform":"Amiga"}"#, field: "platform"),
        .login("platform in other letters", #"{"user":"ann","platform":"web"}"#, field: "platform"),
        .login("empty platform", #"{"user":"ann","platform":""}"#, field: "platform"),
        .login("empty instance", #"{"user":"ann","platform":"Web","instance":""}"#, field: "instance"),
        .login("instance with a colon", #"{"user":"ann","platform":"Web","instance":"a:b"}"#, field: "instance"),
        .login(
            "instance of 65 bytes", #"{"user":"ann","platform":"Web","instance":"\#(text(65))"}"#, field: "instance"),
        .login("instance an array", #"{"user":"ann","platform":"Web","instance":["a"]}"#, field: "instance"),
        .login("long address", #"{"user":"ann","platform":"Web","address":"\#(text(129))"}"#, field: "address"),
        .login("network with a tab", #"{"user":"ann","platform":"Web","network":"\t"}"#, field: "network"),
        .login("user twice", #"{"user":"ann","platform":"Web","user":"bob"}"#, field: "user"),
        .login("user twice, once in escapes", #"{"user":"ann","platform":"Web","\u0075ser":"ann"}"#, field: "user"),
        .login("an ignored member twice", #"{"user":"ann","x":[{"y":1,"y":1}],"platform":"Web"}"#, field: "x[0].y"),
        .login("version a number", #"{"user":"ann","platform":"Web","version":2}"#, field: "version"),
    ]

    private static let unreadable: [Refusal] = [
        .unreadable("no body", ""),
        .unreadable("blanks", "  "),
        .unreadable("broken JSON", #"{"user":"ann","#),
        .unreadable("no JSON at all", "user=ann&platform=Web"),
        .unreadable("something after the object", #"{"user":"ann","platform":"Web"} x"#),
        .unreadable("two objects", #"{"user":"ann","platform":"Web"}{}"#),
        .unreadable("an array", #"[{"user":"ann","platform":"Web"}]"#),
        .unreadable("a string", #""ann""#),
        .unreadable("null", "null"),
        .unreadable("arrays 10 000 deep", String(repeating: "[", count: 10_000)),
        .unreadable(
            "an ignored member 10 000 deep",
            #"{"user":"ann","platform":"Web","x":"#
                + String(repeating: #"{"x":"#, count: 10_000) + "1" + String(repeating: "}", count: 10_001)),
        .unreadable("a byte order mark in front", "\u{FEFF}" + #"{"user":"ann","platform":"Web"}"#),
        .unreadable("a member of the wrong kind in what breaks off", #"{"user":7,"platform":"Web""#),
        .unreadable("half a surrogate pair", #"{"user":"\ud800","platform":"Web"}"#),
    ]

    private static let others: [Refusal] = [
        Refusal("501 users", "/v1/statuses", statuses(501), field: "users"),
        Refusal("no users", "/v1/statuses", #"{"users":[]}"#, field: "users"),
        Refusal("users missing", "/v1/statuses", "{}", field: "users"),
        Refusal("users a string", "/v1/statuses", #"{"users":"ann"}"#, field: "users"),
        Refusal("users of numbers", "/v1/statuses", #"{"users":["ann",7]}"#, field: "users[1]"),
        Refusal("a user who is half a surrogate pair", "/v1/statuses", #"{"users":["ann","\udc00"]}"#, .invalidJSON),
        Refusal("detail a number", "/v1/statuses", #"{"users":["ann"],"detail":2}"#, field: "detail"),
        Refusal("1001 heartbeats", "/v1/heartbeats", heartbeats(1_001), field: "sessions"),
        Refusal("no heartbeats", "/v1/heartbeats", #"{"sessions":[]}"#, field: "sessions"),
        Refusal("heartbeats an object", "/v1/heartbeats", #"{"sessions":{}}"#, field: "sessions"),
        Refusal(
            "the fourth session malformed", "/v1/heartbeats", heartbeats(4, last: "Web"),
            field: "sessions[3].session"),
        Refusal(
            "the second user empty", "/v1/heartbeats",
            #"{"sessions":[{"user":"ann","session":"Web:a:b"},{"user":"","session":"Web:a:b"}]}"#,
            field: "sessions[1].user"),
        Refusal(
            "a session without user", "/v1/heartbeats", #"{"sessions":[{"session":"Web:a:b"}]}"#,
            field: "sessions[0].user"),
        Refusal("a session that is no object", "/v1/heartbeats", #"{"sessions":["Web:a:b"]}"#, field: "sessions[0]"),
        Refusal("logout without session", "/v1/sessions/logout", #"{"user":"ann"}"#, field: "session"),
        Refusal(
            "disconnect of a malformed session", "/v1/sessions/disconnect", #"{"user":"ann","session":"a:b"}"#,
            field: "session"),
        Refusal("kick of a malformed platform", "/v1/users/ann/kick", #"{"platform":"Ami ga"}"#, field: "platform"),
        Refusal("kick of a malformed instance", "/v1/users/ann/kick", #"{"instance":"a b"}"#, field: "instance"),
        Refusal("kick with a long reason", "/v1/users/ann/kick", #"{"reason":"\#(text(257))"}"#, field: "reason"),
        Refusal("kick of a user with a tab", "/v1/users/a%09b/kick", "", field: "user"),
        Refusal("user with a control character", .get("/v1/users/a%0ab"), field: "user"),
        Refusal("user of 129 bytes", .get("/v1/users/\(text(129))"), field: "user"),
        Refusal("percent at the end", .get("/v1/users/ann%"), field: "user"),
        Refusal("percent with one digit", .get("/v1/users/ann%4"), field: "user"),
        Refusal("percent with no digits", .get("/v1/users/%zzann"), field: "user"),
        Refusal("percent-encoded bytes that are no UTF-8", .get("/v1/users/%ff%fe"), field: "user"),
        Refusal("percent-encoded bytes cut off", .get("/v1/users/ann%c3"), field: "user"),
        Refusal("percent-encoded, longer than need be", .get("/v1/users/%c0%af"), field: "user"),
        Refusal("a percent-encoded surrogate", .get("/v1/users/%ed%a0%80"), field: "user"),
        Refusal("percent-encoded NUL", .get("/v1/users/ann%00"), field: "user"),
        Refusal("percent and a sign", .get("/v1/users/%+41"), field: "user"),
        Refusal("kick of what cannot be decoded", "/v1/users/%EF%BBann/kick", "", field: "user"),
        Refusal("unknown path", .get("/v1/nothing"), .notFound),
        Refusal("the root", .get("/"), .notFound),
        Refusal("no user in the path", .get("/v1/users/"), .notFound),
        Refusal("unknown method", Call(method: .DELETE, path: "/v1/users/ann"), .methodNotAllowed),
        Refusal("a method of WebDAV", Call(method: .PROPFIND, path: "/v1/users/ann"), .methodNotAllowed),
        Refusal("the other method", .get("/v1/heartbeats"), .methodNotAllowed),
        Refusal("body over the cap", "/v1/sessions", text(APILimits.bodyBytesMax + 1), .bodyTooLarge),
    ]

    @Test("Every refused call is a problem that names its code and field", arguments: logins + unreadable + others)
    private func refusal(_ refusal: Refusal) async throws {
        try await APIServer.withoutRedis { api in
            let answer = try await api.call(refusal.call)
            let problem = try answer.json
            #expect(problem["code"].string == refusal.code.rawValue)
            #expect(problem["field"].string == refusal.field)
            #expect(problem["type"].string == "urn:problem:presence:\(refusal.code.rawValue)")
            #expect(problem["status"].int == answer.status)
            #expect(answer.status == refusal.code.meaning.status.code)
            #expect((400..<500).contains(answer.status))
            #expect(problem["detail"].string?.isEmpty == false)
            #expect(answer.headers["Content-Type"] == ["application/problem+json"])
        }
    }

    @Test("Broken UTF-8 is refused", arguments: [[0xff], [0xc3, 0x28], [0xed, 0xa0, 0x80]] as [[UInt8]])
    func brokenUTF8(_ bytes: [UInt8]) async throws {
        try await APIServer.withoutRedis { api in
            var body = ByteBuffer(string: #"{"user":"a"#)
            body.writeBytes(bytes)
            body.writeString(#"b","platform":"Web"}"#)
            let answer = try await api.call(Call(method: .POST, path: "/v1/sessions", body: body))
            #expect(answer.status == 400)
        }
    }

    @Test("What is at the limit passes: 500 users, 1000 heartbeats, a user of 128 bytes")
    func atTheLimit() async throws {
        try await APIServer.withoutRedis { api in
            let calls: [Call] = [
                .post("/v1/statuses", statuses(500)), .post("/v1/heartbeats", heartbeats(1_000)),
                .get("/v1/users/\(text(128))"),
            ]
            for call in calls {
                let answer = try await api.call(call)
                #expect(try answer.json["code"] == "redis-unavailable")
            }
        }
    }

    @Test("A body over the cap is refused with and without a length, also to who sends it all first")
    func bodyOverCap() async throws {
        try await APIServer.withoutRedis(options: APIOptions(bodyBytesMax: 1_000)) { api in
            let body = text(9_000_000)
            let size = String(body.utf8.count, radix: 16)
            for sent in [
                "Content-Length: 9000000\r\n\r\n\(body)",
                "Transfer-Encoding: chunked\r\n\r\n\(size)\r\n\(body)\r\n0\r\n\r\n",
            ] {
                try await RawConnection.with(port: api.port) { client in
                    try await client.send("POST /v1/sessions HTTP/1.1\r\nHost: x\r\n\(sent)")
                    let answer = try await client.answer()
                    #expect(answer?.status == 413)
                    #expect(answer?["connection"] == "close")
                }
            }
        }
    }

    @Test("A caller without a key learns that, whatever the size of the body")
    func keyComesFirst() async throws {
        try await APIServer.withoutRedis(options: APIOptions(keys: .all(["key"]))) { api in
            try await RawConnection.with(port: api.port) { client in
                try await client.send("POST /v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n\r\n")
                #expect(try await client.answer()?.status == 401)
            }
        }
    }

    @Test("A body that announces itself as too large is refused before it is sent", .timeLimit(.minutes(1)))
    func announcedBodyOverCap() async throws {
        try await APIServer.withoutRedis { api in
            let length = "\(APILimits.bodyBytesMax + 1)"
            let head = Call(method: .POST, path: "/v1/sessions", headers: ["Content-Length": length])
            let answer = try await api.call(head)
            #expect(answer.status == 413)
        }
    }

    @Test("A method a path does not take is answered with those it does")
    func allow() async throws {
        try await APIServer.withoutRedis { api in
            let beats = try await api.get("/v1/heartbeats")
            #expect(beats.headers["Allow"] == ["POST"])
            let user = try await api.post("/v1/users/ann", "{}")
            #expect(user.headers["Allow"] == ["GET, HEAD"])
        }
    }
}
