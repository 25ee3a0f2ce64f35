import NIOHTTP1
import PresenceCore
import Support
import Testing

@testable import PresenceAPI

@Suite("openapi.json says what the API does")
struct OpenAPITests {
    private static func schema() throws -> Schema {
        Schema(document: try JSON(parsing: String(decoding: PackageResources.openapi_json, as: UTF8.self)))
    }

    @Test("Every route is described, and everything described is a route")
    func routes() throws {
        let document = try Self.schema().document
        let described = document["paths"].members.flatMap { path, operations in
            operations.members.keys.filter { $0 != "parameters" }.map { "\($0.uppercased()) \(path)" }
        }
        let served = PresenceAPI.routes.map { "\($0.method.rawValue) \($0.path)" }
        #expect(described.sorted() == served.sorted())
    }

    @Test("Routes are described as open exactly where they are")
    func security() throws {
        let document = try Self.schema().document
        for route in PresenceAPI.routes {
            let operation = document["paths"][route.path][route.method.rawValue.lowercased()]
            #expect((operation["security"] == []) == (route.access == .open), "\(route.path)")
        }
    }

    @Test("What a key must be allowed is described for every call that takes one, and that it is refused without")
    func roles() throws {
        let document = try Self.schema().document
        for route in PresenceAPI.routes {
            let operation = document["paths"][route.path][route.method.rawValue.lowercased()]
            guard case .key(let role) = route.access else {
                #expect(operation["x-key-role"] == .null, "\(route.path)")
                continue
            }
            #expect(operation["x-key-role"].string == role.rawValue, "\(route.path)")
            #expect(operation["responses"]["403"] != .null, "\(route.path)")
        }
    }

    @Test("Every problem code is listed, and no other")
    func codes() throws {
        let listed = try Self.schema().document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"]
        #expect(listed.strings == ProblemCode.allCases.map(\.rawValue))
    }

    @Test("The page about the API has every call and every problem code, with its status")
    func page() throws {
        let page = try DocumentationPage.named("API")
        let rows = page.prose.filter { $0.hasPrefix("| `") }
        for route in PresenceAPI.routes where !["/openapi.json", "/client.js"].contains(route.path) {
            #expect(rows.contains { $0.contains("`\(route.method.rawValue) \(route.path)`") }, "\(route.path)")
        }
        for code in ProblemCode.allCases {
            let row = rows.first { $0.dropFirst().prefix { $0 != "|" }.contains("`\(code.rawValue)`") }
            #expect(row?.contains("\(code.meaning.status.code)") == true, "\(code): \(row ?? "none")")
        }
    }

    @Test("Limits are those of the code")
    func limits() throws {
        let bodies = try Self.schema().document["components"]["requestBodies"]
        func items(_ body: String, _ member: String) -> JSON {
            bodies[body]["content"]["application/json"]["schema"]["properties"][member]["maxItems"]
        }
        #expect(items("Statuses", "users").int == APILimits.usersPerQueryMax)
        #expect(items("Heartbeats", "sessions").int == APILimits.heartbeatsPerCallMax)
    }

    @Test("Real answers have the described form")
    func answers() async throws {
        let schema = try Self.schema()
        func check(_ answer: Answer, _ method: String, _ path: String, _ status: Int) throws {
            #expect(answer.status == status, "\(path): \(answer.text)")
            let form = schema.response(method, path, status)
            #expect(form != nil, "\(path) \(status) is not described")
            #expect(schema.faults(in: try answer.json, schema: form) == [], "\(path)")
        }
        let reject = LoginLimits(policy: .multi, onLimit: .reject)
        try await APIServer.withRedis(limits: reject) { api in
            let login = try await api.post(
                "/v1/sessions",
                #"{"user":"ann","platform":"iPhone","address":"10.0.0.9","network":"5G","version":"1.2"}"#)
            try check(login, "post", "/v1/sessions", 201)
            let again = try await api.post("/v1/sessions", #"{"user":"ann","platform":"iPhone","instance":"other"}"#)
            try check(again, "post", "/v1/sessions", 409)
            #expect(try again.json["sessions"][0]["session"] == login.json["session"])
            let session = try #require(try login.json["session"].string)

            let named = #"{"user":"ann","session":"\#(session)"}"#
            let beats = #"{"sessions":[\#(named),{"user":"bob","session":"\#(session)"}]}"#
            try check(try await api.post("/v1/heartbeats", beats), "post", "/v1/heartbeats", 200)
            try check(
                try await api.post("/v1/statuses", #"{"users":["ann","bob",""],"detail":true}"#),
                "post", "/v1/statuses", 200)
            try check(try await api.get("/v1/users/ann"), "get", "/v1/users/{user}", 200)
            try check(try await api.get("/v1/users/bob"), "get", "/v1/users/{user}", 200)
            try check(try await api.get("/v1/users/a%"), "get", "/v1/users/{user}", 400)
            try check(try await api.get("/v1/stats"), "get", "/v1/stats", 200)
            for path in ["/v1/sessions/disconnect", "/v1/sessions/logout"] {
                try check(try await api.post(path, named), "post", path, 200)
            }
            try check(try await api.get("/v1/users/ann/story"), "get", "/v1/users/{user}/story", 200)
            try check(try await api.get("/v1/users/nobody/story"), "get", "/v1/users/{user}/story", 200)
            try check(try await api.get("/v1/overview"), "get", "/v1/overview", 200)
            try check(try await api.post("/v1/users/ann/replay", ""), "post", "/v1/users/{user}/replay", 200)
            _ = try await api.post("/v1/sessions", #"{"user":"ann","platform":"Web"}"#)
            try check(try await api.post("/v1/users/ann/kick", ""), "post", "/v1/users/{user}/kick", 200)
            try check(try await api.get("/health/live"), "get", "/health/live", 200)
            try check(try await api.get("/health/ready"), "get", "/health/ready", 200)
            #expect(try await api.get("/openapi.json").json == schema.document)
        }
    }
}
