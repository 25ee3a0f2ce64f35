import JSON
import NIOCore
import NIOHTTP1
import Support
import Testing

@testable import PresenceAPI

@Suite("What clients in use get away with")
struct LeniencyTests {
    @Test("Parameters in any order, without random, percent-encoded or raw")
    func queries() async throws {
        try await CompatibleWorker.with { worker in
            let app = "sdkappid=\(CompatibleWorker.sdkAppID)"
            let sig = CompatibleWorker.userSig("administrator")
            let encoded = sig.replacing("*", with: "%2A").replacing("-", with: "%2d").replacing("_", with: "%5F")
            let second = CompatibleWorker.userSig("second admin")
            let queries = [
                "usersig=\(sig)&identifier=administrator&\(app)", "\(app)&identifier=administrator&usersig=\(encoded)",
                "\(app)&identifier=administrator&usersig=\(sig)&random=&random=x&contenttype=json&more=1",
                "&&\(app)&identifier=%61dministrator&usersig=\(sig)&",
                "\(app)&identifier=second%20admin&usersig=\(second)",
                "\(app)&identifier=second+admin&usersig=\(second)",
            ]
            for query in queries {
                let reply = try await worker.call("openim/querystate", #"{"To_Account":["ann"]}"#, query: query)
                #expect(reply.isWellFormed && reply.code == 0, "\(query): \(reply.text)")
            }
        }
    }

    @Test("Any Content-Type or none, GET with a body, slashes doubled by joining a base URL")
    func forms() async throws {
        try await CompatibleWorker.with { worker in
            let path = "/v4/openim/query_online_status?\(CompatibleWorker.query())"
            let body = Array(#"{"To_Account":["ann"],"unknown":{}}"#.utf8)
            for type in [nil, "text/plain", "application/json", "application/json; charset=utf-8", "x"] {
                let headers: HTTPHeaders = type.map { ["Content-Type": $0] } ?? [:]
                let reply = try await worker.send(.POST, path, body, headers: headers)
                #expect(reply.isWellFormed && reply.code == 0, "\(type ?? "none"): \(reply.text)")
            }
            let get = try await worker.send(.GET, path, body)
            #expect(get.isWellFormed && get.json["QueryResult"][0]["Status"].string == "Offline", "\(get.text)")
            let slashes = try await worker.send(.POST, "/v4//openim/querystate/?\(CompatibleWorker.query())", body)
            #expect(slashes.code == 0)
        }
    }

    @Test(
        "IsNeedDetail is a number or a truth value, null as good as absent; members nobody knows are ignored",
        arguments: [
            (#""IsNeedDetail":1"#, true), (#""IsNeedDetail":true"#, true), (#""IsNeedDetail":7"#, true),
            (#""IsNeedDetail":0"#, false), (#""IsNeedDetail":-0"#, false), (#""IsNeedDetail":false"#, false),
            (#""IsNeedDetail":null"#, false), (#""x":{"IsNeedDetail":[1e999]}"#, false),
        ])
    func detail(member: String, isDetailed: Bool) throws {
        let body = try CompatibleQueryRequest(json: ByteBuffer(string: #"{"To_Account":["ann"],\#(member)}"#))
        #expect(body.needsDetail == isDetailed && body.accounts == ["ann"])
    }
}
