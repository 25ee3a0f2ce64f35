import Logging
import PresenceCore
import PresenceStore
import RedisClient
import Support
import Testing

@testable import PresenceAPI

@Suite("Users whose record this service did not write")
struct UnreadableRecordTests {
    /// Runs the body while something else stands under ann's key.
    private static func with(body: (APIServer, LogRecorder) async throws -> Void) async throws {
        let log = LogRecorder(level: .error)
        try await APIServer.withRedis(options: CompatibleCall.options, logger: log.logger) { api in
            let key = KeySpace(prefix: "presence", shards: 16).user(try UserID("ann"))
            _ = try await api.redis.send(RedisCommand("SET", key: key, "mine"))
            try await body(api, log)
        }
    }

    @Test("are told apart in a bulk query, the others are answered, and the log names them")
    func bulk() async throws {
        try await Self.with { api, log in
            let answer = try await api.post("/v1/statuses", #"{"users":["bob","ann","bob"]}"#)
            #expect(answer.status == 200)
            #expect(try answer.json["results"].list.map { $0["user"] } == ["bob", "bob"])
            #expect(try answer.json["errors"] == [.object(["user": "ann", "code": "unreadable-record"])])
            #expect(log.has("A record cannot be read; see what stands under the user's key"))
            #expect(log.has("user=ann"))
        }
    }

    @Test("are our fault when asked for alone: 500, with the reason in the log only")
    func single() async throws {
        try await Self.with { api, log in
            let answer = try await api.get("/v1/users/ann")
            #expect(answer.status == 500)
            #expect(try answer.json["code"] == "internal")
            #expect(!answer.text.contains("mine"))
            #expect(log.has("call failed code=internal"))
        }
    }

    @Test("are listed apart in the compatible query, too")
    func compatible() async throws {
        try await Self.with { api, log in
            let answer = try await api.post(
                "/v4/openim/query_online_status?\(CompatibleCall.query())", #"{"To_Account":["bob","ann"]}"#)
            #expect(try answer.json["ErrorCode"] == 0, "\(answer.text)")
            #expect(try answer.json["QueryResult"].list.map { $0["To_Account"] } == ["bob"])
            #expect(try answer.json["ErrorList"].list.map { $0["To_Account"] } == ["ann"])
            #expect(log.has("user=ann"))
        }
    }
}
