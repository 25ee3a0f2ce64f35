import Support
import Testing

@Suite("Messages that are none", .besideAWorker)
struct MessageViolationTests {
    @Test(
        "A text that is no JSON object with a type closes with 4002, and says so before",
        arguments: [
            "", " ", "x", "{", "{}", "[]", "null", "1", #""heartbeat""#, #"{"type":1}"#, #"{"type":null}"#,
            #"{"type":["heartbeat"]}"#, #"{"Type":"heartbeat"}"#, #"[{"type":"heartbeat"}]"#, #"{"type":"heartbeat""#,
            #"{"type":"heartbeat"}}"#, #"{"type":"heartbeat"}{"type":"logout"}"#, #"{"type":"\ud83d"}"#,
            #"{"type":"heartbeat","type":"heartbeat"}"#, #"{"type":"heartbeat","n":{"a":1,"a":1}}"#,
            "\u{FEFF}" + #"{"type":"heartbeat"}"#, #"{"type":"heartbeat","n":01}"#,
            String(repeating: "[", count: 9216), String(repeating: #"{"type":"#, count: 1024),
        ])
    func invalid(_ text: String) async throws {
        try await AttackedWorker.withClient { client in
            client.send(.text(text))
            let answer = try await client.messageAnswer()
            #expect(answer["type"].string == "error" && answer["code"].string == "invalid-message", "\(answer)")
            try await client.expectClose(4002)
        }
    }

    @Test(
        "A token message without a token in it closes with 4002 and names the field",
        arguments: [
            #"{"type":"token"}"#, #"{"type":"token","token":7}"#, #"{"type":"token","token":null}"#,
            #"{"type":"token","token":["t"]}"#,
        ])
    func noToken(_ text: String) async throws {
        try await AttackedWorker.withClient { client in
            client.send(.text(text))
            let answer = try await client.messageAnswer()
            #expect(answer["code"].string == "invalid-field" && answer["field"].string == "token", "\(answer)")
            #expect(answer["detail"].string == "token must be a string")
            try await client.expectClose(4002)
        }
    }

    @Test("A token message with two tokens closes with 4002 and names the field")
    func twoTokens() async throws {
        try await AttackedWorker.withClient { client in
            client.send(.text(#"{"type":"token","token":"a","token":"b"}"#))
            let answer = try await client.messageAnswer()
            #expect(answer["field"].string == "token" && answer["detail"].string == "token must not be given twice")
            try await client.expectClose(4002)
        }
    }

    @Test(
        "A message with more than is known is understood",
        arguments: [
            #"{"type":"heartbeat","n":[{}]}"#, #" { "type" : "heartbeat" } "#, #"{"n":1e400,"type":"heartbeat"}"#,
            #"{"type":"\u0068eartbeat"}"#, #"{"type":"heartbeat","token":7}"#,
        ])
    func extended(_ text: String) async throws {
        try await AttackedWorker.withClient { client in
            client.send(.text(text))
            let answer = try await client.message()
            #expect(answer["type"].string == "heartbeat", "\(answer)")
        }
    }

    @Test("A message of an unknown type is answered and otherwise ignored, however deep it is nested")
    func unknown() async throws {
        let deep = String(repeating: "[", count: 200) + String(repeating: "]", count: 200)
        try await AttackedWorker.withClient { client in
            for _ in 0..<3 {
                client.send(.text(#"{"type":"dance","n":\#(deep)}"#))
                try await client.expectUnknownType()
            }
            try await client.expectOpen()
        }
    }

    @Test(
        "A request that names nobody, or nothing known, closes with 4002 and names the field",
        arguments: [
            ("", "user"), ("?platform=Windows", "user"), ("?user=&platform=Windows", "user"),
            ("?user=ann", "platform"), ("?user=ann&platform=Toaster", "platform"),
            ("?user=ann&platform=Windows&session=x", "session"),
            ("?user=ann&platform=Windows&session=Web:default:abcdefghijklmnop", "session"),
            ("?user=ann&platform=Windows&instance=%20%0A", "instance"),
        ])
    func fields(query: String, field: String) async throws {
        try await RawWebSocket.with(port: AttackedWorker.worker.port, "/v1/connect\(query)") { client in
            let answer = try await client.messageAnswer()
            #expect(answer["code"].string == "invalid-field" && answer["field"].string == field, "\(answer)")
            try await client.expectClose(4002)
        }
    }

    @Test(
        "A parameter that cannot be decoded, or is given twice, closes with 4002 and names the field",
        arguments: [
            ("user=%zz", "user must be percent-encoded UTF-8"), ("user=a%", "user must be percent-encoded UTF-8"),
            ("user=%ff", "user must be percent-encoded UTF-8"), ("user=ann&user=bob", "user is given twice"),
            ("user=ann&user=ann", "user is given twice"), ("user=&user=ann", "user is given twice"),
            ("user=ann&instance=a%2", "instance must be percent-encoded UTF-8"),
            ("user=ann&platform=Web", "platform is given twice"), ("user=ann&token=a&token=b", "token is given twice"),
        ])
    func parameters(query: String, detail: String) async throws {
        let target = "/v1/connect?platform=Windows&\(query)"
        try await RawWebSocket.with(port: AttackedWorker.worker.port, target) { client in
            let answer = try await client.messageAnswer()
            #expect(answer["code"].string == "invalid-field" && answer["detail"].string == detail, "\(answer)")
            #expect(detail.hasPrefix("\(answer["field"].string ?? "?") "))
            try await client.expectClose(4002)
        }
    }

    @Test("Parameters of other names may be anything", arguments: ["lang=%zz", "lang=en&lang=de", "lang", "=", "&&"])
    func otherParameters(query: String) async throws {
        let target = AttackedWorker.target() + "&\(query)"
        try await RawWebSocket.with(port: AttackedWorker.worker.port, target) { client in
            _ = try await client.welcome()
        }
    }
}
