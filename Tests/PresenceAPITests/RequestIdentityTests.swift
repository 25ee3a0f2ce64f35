import Logging
import NIOHTTP1
import Support
import Testing

@testable import PresenceAPI

@Suite("The name of a request")
struct RequestIdentityTests {
    private static func call(_ path: String, ids: [String]) -> Call {
        var call = Call.get(path)
        for id in ids { call.headers.add(name: "x-request-ID", value: id) }
        return call
    }

    @Test("is its caller's, in the answer and in a problem's body")
    func sent() async throws {
        try await APIServer.withoutRedis { api in
            for path in ["/health/live", "/v1/users/ann", "/v1/users/a%0ab", "/nowhere", "/v1/connect", "/v4/x"] {
                let answer = try await api.call(Self.call(path, ids: ["Abc-1_2.3"]))
                #expect(answer.headers["X-Request-Id"] == ["Abc-1_2.3"], "\(path)")
                guard answer.status >= 400 else { continue }
                #expect(try answer.json["requestId"] == "Abc-1_2.3", "\(path)")
            }
        }
    }

    @Test(
        "is one of ours where the caller's is none, or there are two",
        arguments: [
            [""], ["a b"], ["a\u{E9}"], ["a,b"], [String(repeating: "x", count: 65)], ["a", "a"], ["a", "b"],
        ])
    func unacceptable(_ ids: [String]) async throws {
        try await APIServer.withoutRedis { api in
            let answer = try await api.call(Self.call("/health/live", ids: ids))
            let name = answer.headers["X-Request-Id"]
            #expect(name.count == 1 && name[0].wholeMatch(of: /[0-9a-f]{16}/) != nil, "\(name)")
        }
    }

    @Test("is made where a call failed, the same in header and body; a call that went well without one has none")
    func made() async throws {
        try await APIServer.withoutRedis { api in
            let answers = try await api.exchange([.get("/nowhere"), .get("/nowhere"), .get("/health/live")])
            let names = try answers.prefix(2).map { answer in
                let name = try #require(try answer.json["requestId"].string)
                #expect(answer.headers["X-Request-Id"] == [name])
                return name
            }
            #expect(Set(names).count == 2)
            #expect(answers[2].headers["X-Request-Id"] == [])
        }
    }

    @Test("stands in the lines of the log that tell of it")
    func logged() async throws {
        let log = LogRecorder(level: .debug)
        try await APIServer.withoutRedis(logger: log.logger) { api in
            _ = try await api.call(Self.call("/v1/users/a%0ab", ids: ["mine"]))
            let answer = try await api.get("/v1/users/a%0ab")
            let ours = try #require(answer.headers["X-Request-Id"].first)
            for name in ["mine", ours] {
                let lines = log.lines.filter { $0.contains("request_id=\(name)") }
                #expect(lines.count == 2, "\(log.lines)")
                #expect(lines.contains { $0.hasPrefix("request ") } && lines.contains { $0.hasPrefix("call failed ") })
            }
        }
    }

    @Test("A kick leaves one line of who did it, to whom and why, with the name its answer has")
    func audit() async throws {
        let log = LogRecorder(level: .notice)
        let keys = APIKeys([
            .init("auth.api-keys", Role.allCases, ["all"]), .init("auth.operate-keys", [.operate], ["x", "op"]),
        ])
        try await APIServer.withRedis(options: APIOptions(keys: keys), logger: log.logger) { api in
            func call(_ path: String, _ body: String, key: String) async throws -> Answer {
                var call = Call.post(path, body)
                call.headers.add(name: "Authorization", value: "Bearer \(key)")
                return try await api.call(call)
            }
            let login = try await call("/v1/sessions", #"{"user":"ann","platform":"Web"}"#, key: "all")
            #expect(login.status == 201)
            #expect(login.headers["X-Request-Id"] == [])
            let kick = try await call("/v1/users/ann/kick", #"{"platform":"Web","reason":"spam sent"}"#, key: "op")
            #expect(kick.status == 200)
            let name = try #require(kick.headers["X-Request-Id"].first)
            let refused = try await call("/v1/users/ann/kick", #"{"platform":"no such"}"#, key: "op")
            #expect(refused.status == 400)
            let lines = log.lines.filter { $0.hasPrefix("audit") }
            #expect(
                lines == [
                    "audit action=kick actor=key 2 of auth.operate-keys count=1 instance=all outcome=done platform=Web "
                        + "reason=spam sent request_id=\(name) user=ann"
                ])
        }
    }

    @Test("A kick that fails is told, too")
    func auditOfFailure() async throws {
        let log = LogRecorder(level: .notice)
        try await APIServer.withoutRedis(logger: log.logger) { api in
            let answer = try await api.post("/v1/users/ann/kick", "")
            #expect(answer.status == 503)
            let lines = log.lines.filter { $0.hasPrefix("audit") }
            #expect(lines.count == 1 && lines[0].contains("outcome=failed") && lines[0].contains("actor=anybody"))
        }
    }
}
