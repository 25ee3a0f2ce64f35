import Logging
import NIOHTTP1
import Support
import Testing

@testable import PresenceAPI

@Suite("Which API answers")
struct CompatiblePathTests {
    private static let path = "/v4/openim/query_online_status"

    @Test("Without an app there is no compatible API")
    func noApp() async throws {
        try await APIServer.withoutRedis { api in
            let answer = try await api.post("\(Self.path)?\(CompatibleCall.query())", #"{"To_Account":["ann"]}"#)
            #expect(answer.status == 404)
            #expect(try answer.json["code"] == "not-found")
        }
    }

    @Test("With one, all under /v4 is answered in its form, a body over the cap among it", arguments: [1_000, 10])
    func form(_ bodyBytesMax: Int) async throws {
        var options = CompatibleCall.options
        options.bodyBytesMax = bodyBytesMax
        try await APIServer.withoutRedis(options: options) { api in
            let body = #"{"To_Account":["ann"]}"#
            for (path, code) in [
                ("\(Self.path)?\(CompatibleCall.query())", bodyBytesMax > body.utf8.count ? 90992 : 60002),
                ("/v4/no/such", 60009), ("//v4/no/such", 60009), ("/v4", 60009),
            ] {
                let answer = try await api.post(path, body)
                #expect(answer.status == 200)
                #expect(try answer.json["ErrorCode"].int == code, "\(path): \(answer.text)")
            }
            for path in ["/v44/no", "/x/v4/no"] { #expect(try await api.post(path, body).status == 404) }
        }
    }

    @Test("While Redis is waited for, a call in order fails as it does when Redis cannot be asked, another as always")
    func waiting() async throws {
        try await APIServer.withoutRedis(options: CompatibleCall.options, closed: "Redis is waited for.") { api in
            let query = CompatibleCall.query()
            for (path, code) in [
                ("\(Self.path)?\(query)", 90992), ("/v4/im_open_login_svc/kick?\(query)", 70500),
                (Self.path, 60012), ("/v4/no/such?\(query)", 60009),
            ] {
                let answer = try await api.post(path, "{}")
                #expect(try answer.json["ErrorCode"].int == code, "\(path): \(answer.text)")
            }
            #expect(try await api.get("/v1/users/ann").status == 503)
        }
    }

    @Test("The keys of the native API are neither asked for nor of use in the compatible one")
    func keys() async throws {
        var options = CompatibleCall.options
        options.keys = .all(["key"])
        try await APIServer.withoutRedis(options: options) { api in
            var call = Call.post(Self.path, #"{"To_Account":["ann"]}"#)
            call.headers = ["Authorization": "Bearer key"]
            #expect(try await api.call(call).json["ErrorCode"] == 60012)
            let answer = try await api.post("\(Self.path)?\(CompatibleCall.query())", #"{"To_Account":["ann"]}"#)
            #expect(try answer.json["ErrorCode"] == 90992, "Redis cannot be asked, and that is all")
        }
    }

    @Test("The log tells requests by their path, and never the query, which can hold a usersig")
    func log() async throws {
        let log = LogRecorder(level: .debug)
        try await APIServer.withRedis(options: CompatibleCall.options, logger: log.logger) { api in
            let query = CompatibleCall.query()
            _ = try await api.post("\(Self.path)?\(query)", #"{"To_Account":["ann"]}"#)
            _ = try await api.get("/v1/users/ann?\(query)")
            for (call, status) in [("POST path=\(Self.path)", 200), ("GET path=/v1/users/ann", 400)] {
                let begin = "request method=\(call) "
                #expect(log.lines.contains { $0.hasPrefix(begin) && $0.hasSuffix(" status=\(status)") }, "\(log.lines)")
            }
            #expect(!log.has("usersig") && !log.has("sdkappid"))
        }
    }
}
