import NIOCore
import NIOHTTP1
import PresenceCore
import Support
import Testing

@testable import PresenceAPI

@Suite("What a call does not know of leaves it to mean no more than was said")
struct UnknownNamesTests {
    private static func call(_ route: Route, query: String) -> Call {
        var call = Call(method: route.method, path: route.path.replacing("{user}", with: "ann") + query)
        if route.method == .POST { call.body = .init(string: "{}") }
        return call
    }

    @Test(
        "A parameter that is none of the call's is refused by name, and those there are told, at every call under /v1",
        arguments: PresenceAPI.routes.filter { $0.path.hasPrefix("/v1/") && $0.path != "/v1/connect" })
    func parameters(_ route: Route) async throws {
        let known = try #require(route.parameters)
        try await APIServer.withoutRedis { api in
            // Beside one that is known, without a value, in other letters, or encoded: none is taken for another.
            let others = [
                "usr=ann", "\(known.first ?? "x")=1&usr", "usr", "Users=ann", "%75sers=ann", "=", "platforms=Web",
            ]
            for query in others {
                let answer = try await api.call(Self.call(route, query: "?" + query))
                let problem = try answer.json
                #expect(answer.status == 400 && problem["code"] == "invalid-field", "\(query): \(answer.text)")
                let name = query.split(separator: "&").last?.prefix { $0 != "=" }
                let isFirstUnknown = known.isEmpty && query.contains("&")
                #expect(problem["field"].string == (isFirstUnknown ? "x" : name.map(String.init)), "\(query)")
                let told = known.isEmpty ? "none" : known.joined(separator: ", ")
                #expect(problem["detail"].string?.hasSuffix("which takes \(told).") == true, "\(answer.text)")
            }
            let long = try await api.call(Self.call(route, query: "?" + String(repeating: "x", count: 20_000)))
            #expect(long.status == 400 && long.body.readableBytes < 1_000)
        }
    }

    @Test(
        "What browsers, probes and scrapers fetch takes what they add",
        arguments: PresenceAPI.routes.filter { !$0.path.hasPrefix("/v1/") })
    func others(_ route: Route) async throws {
        try await APIServer.withoutRedis { api in
            let path = route.path.replacing("{file}", with: "main.js")
            let answer = try await api.get(path + "?v=1")
            #expect(answer.status == 200, "\(path): \(answer.text)")
        }
    }

    @Test("Parameters are those of the description, which tells of their refusal")
    func described() throws {
        let schema = Schema(document: try JSON(parsing: String(decoding: PackageResources.openapi_json, as: UTF8.self)))
        for route in PresenceAPI.routes {
            guard let known = route.parameters else { continue }
            let operation = schema.document["paths"][route.path][route.method.rawValue.lowercased()]
            let described = operation["parameters"].list.map(schema.resolve).filter { $0["in"] == "query" }
            #expect(Set(described.map { $0["name"].string }) == Set(known), "\(route.path)")
            #expect(operation["responses"]["400"] != .null, "\(route.path)")
        }
    }

    @Test(
        "An order with a field that is none of its own is refused by name, and nothing is done",
        arguments: [
            ("kick", #"{"platfrom":"Web"}"#, "platfrom"), ("kick", #"{"platform":"Web","id":"a"}"#, "id"),
            ("kick", #"{"Platform":"Web"}"#, "Platform"), ("replay", #"{"limit":1}"#, "limit"),
        ])
    func orders(_ order: String, _ body: String, _ field: String) async throws {
        try await APIServer.withRedis { api in
            let login = try await api.post("/v1/sessions", #"{"user":"ann","platform":"Web"}"#).json
            let answer = try await api.post("/v1/users/ann/\(order)", body)
            #expect(answer.status == 400 && answer.headers["Content-Type"] == ["application/problem+json"])
            #expect(try answer.json["code"] == "invalid-field", "\(answer.text)")
            #expect(try answer.json["field"].string == field, "\(answer.text)")
            let version = try await api.get("/v1/users/ann").json["version"]
            #expect(version == login["version"])
            for body in ["", "{}"] { #expect(try await api.post("/v1/users/ann/\(order)", body).status == 200) }
        }
    }
}

extension Route: CustomTestStringConvertible {
    public var testDescription: String { "\(method) \(path)" }
}
