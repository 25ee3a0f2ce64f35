import HTTPServer
import JSON
import NIOCore
import NIOHTTP1
import Support
import Testing

@testable import PresenceAPI

@Suite("Who gets in, and what everybody is told")
struct AccessTests {
    private static let keys = APIOptions(keys: .all(["first-key", "second-key"]))

    private static func user(_ authorization: String?) -> Call {
        var call = Call.get("/v1/users/a%0ab")
        if let authorization { call.headers.add(name: "Authorization", value: authorization) }
        return call
    }

    @Test("Any of the keys lets a caller in", arguments: ["Bearer first-key", "Bearer second-key", "bearer first-key"])
    func rightKey(_ authorization: String) async throws {
        try await APIServer.withoutRedis(options: Self.keys) { api in
            let answer = try await api.call(Self.user(authorization))
            #expect(answer.status == 400)
        }
    }

    @Test(
        "Without one of the keys a caller is told how to show it",
        arguments: [
            nil, "", "Bearer", "Bearer ", "Bearer first", "Bearer first-keys", "Bearer first-key,second-key",
            "Basic first-key", "first-key",
        ])
    func wrongKey(_ authorization: String?) async throws {
        try await APIServer.withoutRedis(options: Self.keys) { api in
            let answer = try await api.call(Self.user(authorization))
            #expect(answer.status == 401)
            #expect(answer.headers["WWW-Authenticate"] == ["Bearer"])
            #expect(try answer.json["code"] == "unauthorized")
        }
    }

    @Test(
        "Without keys anybody may call but a web page of another site, which the browser tells",
        arguments: [("cross-site", 401), ("same-site", 401), ("same-origin", 400), ("none", 400)])
    func otherSite(_ site: String, _ status: Int) async throws {
        try await APIServer.withoutRedis { api in
            var call = Self.user(nil)
            call.headers.add(name: "Sec-Fetch-Site", value: site)
            let answer = try await api.call(call)
            #expect(answer.status == status)
        }
    }

    @Test("With keys configured, a key is needed for exactly the calls of backends, and the figures")
    func openRoutes() async throws {
        try await APIServer.withoutRedis(options: Self.keys) { api in
            for route in PresenceAPI.routes {
                let path = route.path.replacing("{user}", with: "ann").replacing("{file}", with: "main.js")
                let answer = try await api.call(Call(method: HTTPMethod(rawValue: route.method.rawValue), path: path))
                let isBackends =
                    route.path.hasPrefix("/v1/") && route.path != "/v1/connect" || route.path == "/metrics"
                #expect((answer.status == 401) == isBackends, "\(route.path)")
            }
        }
    }

    @Test("A key does what its role is for, and for the rest is told which role is needed", arguments: Role.allCases)
    func roles(_ role: Role) async throws {
        let keys = APIKeys(Role.allCases.map { APIKeys.List("auth.\($0)-keys", [$0], ["\($0)-key"]) })
        try await APIServer.withoutRedis(options: APIOptions(keys: keys)) { api in
            for route in PresenceAPI.routes {
                guard case .key(let needed) = route.access else { continue }
                // No call that is let in finds a Redis, or even a user it can be about.
                let path = route.path.replacing("{user}", with: "a%0ab")
                var call = Call(method: HTTPMethod(rawValue: route.method.rawValue), path: path)
                call.headers.add(name: "Authorization", value: "Bearer \(role)-key")
                let answer = try await api.call(call)
                #expect((answer.status == 403) == (needed != role), "\(route.path)")
                #expect(answer.status != 401, "\(route.path)")
                if answer.status == 403 { #expect(try answer.json["code"].string == "\(needed)-key-needed") }
            }
        }
    }

    @Test("A key in several lists does what each of them is for, and an unknown one nothing")
    func severalRoles() async throws {
        let keys = APIKeys([
            .init("auth.read-keys", [.read], ["reader", "both"]), .init("auth.operate-keys", [.operate], ["both"]),
        ])
        try await APIServer.withoutRedis(options: APIOptions(keys: keys)) { api in
            let calls = [
                ("both", "/v1/statuses", 400), ("both", "/v1/users/ann/kick", 400), ("both", "/v1/sessions", 403),
                ("reader", "/v1/users/ann/kick", 403), ("stranger", "/v1/statuses", 401),
            ]
            for (key, path, status) in calls {
                var call = Call.post(path, "{")
                call.headers.add(name: "Authorization", value: "Bearer \(key)")
                let answer = try await api.call(call)
                #expect(answer.status == status, "\(key) \(path)")
            }
        }
    }

    @Test("Who calls is known by the place of the key in its list, in the one that has the role")
    func callers() throws {
        let authentication = BearerAuthentication(
            APIKeys([
                .init("auth.read-keys", [.read], ["a", "b"]), .init("auth.operate-keys", [.operate], ["c", "b"]),
            ]))
        let headers = HTTPHeaders([("Authorization", "Bearer b")])
        #expect(try authentication.caller(headers, as: .read).name == "key 2 of auth.read-keys")
        #expect(try authentication.caller(headers, as: .operate).name == "key 2 of auth.operate-keys")
        #expect(try BearerAuthentication(APIKeys()).caller([:], as: .operate) == .anybody)
    }

    @Test("Without keys everybody gets in")
    func noKeys() async throws {
        try await APIServer.withoutRedis { api in
            let answers = try await api.exchange([Self.user(nil), Self.user("Bearer whatever")])
            #expect(answers.map(\.status) == [400, 400])
        }
    }

    @Test("While Redis cannot be asked, every call on presence is a 503 to repeat, never a status")
    func redisUnavailable() async throws {
        let session = #"{"user":"ann","session":"Web:a:b"}"#
        try await APIServer.withoutRedis { api in
            let calls: [Call] = [
                .post("/v1/sessions", #"{"user":"ann","platform":"Web"}"#),
                .post("/v1/heartbeats", #"{"sessions":[\#(session)]}"#),
                .post("/v1/sessions/disconnect", session), .post("/v1/sessions/logout", session),
                .post("/v1/users/ann/kick", ""), .post("/v1/statuses", #"{"users":["ann"]}"#),
                .get("/v1/users/ann"), .get("/v1/stats"),
            ]
            for call in calls {
                let answer = try await api.call(call)
                #expect(answer.status == 503, "\(call.path)")
                #expect(answer.headers["Retry-After"] == ["1"])
                #expect(try answer.json["code"] == "redis-unavailable")
            }
        }
    }

    @Test("Health: alive while the process answers, ready while there is no reason against it")
    func health() async throws {
        try await APIServer.withoutRedis { api in
            let answers = try await api.exchange([.get("/health/live"), .get("/health/ready")])
            #expect(answers.map(\.status) == [200, 200])
            #expect(try answers.map { try $0.json["status"] } == ["live", "ready"])
        }
        try await APIServer.withoutRedis(unready: ["Redis cannot be asked."]) { api in
            let answer = try await api.get("/health/ready")
            #expect(answer.status == 503)
            #expect(
                try answer.json
                    == .object(["status": "unready", "reasons": ["Redis cannot be asked."], "settlementLagMs": 0]))
        }
    }

    @Test("HEAD answers as GET does, without the body")
    func head() async throws {
        try await APIServer.withoutRedis { api in
            let live = try await api.get("/health/live")
            let answers = try await api.exchange([Call(method: .HEAD, path: "/health/live"), .get("/health/live")])
            #expect(answers[0].status == 200)
            #expect(answers[0].headers["Content-Length"] == live.headers["Content-Length"])
            #expect(answers[0].body.readableBytes == 0)
            #expect(answers[1].text == live.text)
        }
    }

    @Test("An error nobody foresaw is a 500 that tells nothing about it")
    func internalError() throws {
        struct Secret: Error { let password = "hunter2" }
        let problem = Problem(Secret())
        #expect(problem.response.status == .internalServerError)
        #expect(problem.underlying is Secret)
        #expect(!String(buffer: problem.json).contains("hunter2"))
    }
}
