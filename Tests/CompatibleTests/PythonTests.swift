import Foundation
import Support
import Testing

@Suite("Software of others, unmodified")
struct PythonTests {
    @Test("A client library from PyPI queries, checks and kicks, and signs usersigs clients can log in with")
    func client() async throws {
        try await CompatibleWorker.with { worker in
            let phone = try await worker.backend.session("ann", "iPhone")
            _ = try await worker.backend.disconnect("ann", phone)
            _ = try await worker.backend.session("ann", "Web")
            let before = try await python(
                worker, ["check=ann,bob", "query=ann,bob", "sign=ann", "kick=ann", "query=ann"])
            #expect(before.count == 5)
            let bodies = before.map { $0["body"] }
            #expect(bodies[0]["ResultItem"].list.compactMap { $0["AccountStatus"].string } == ["Imported", "Imported"])
            let results = bodies[1]["QueryResult"]
            #expect(results.list.compactMap { $0["Status"].string } == ["Online", "Offline"])
            #expect(results[0]["Detail"].list.compactMap(\.platformStatus) == ["iPhone PushOnline", "Web Online"])
            #expect(results[1]["Detail"] == .null)
            #expect(bodies[3]["ErrorCode"].int == 0)
            #expect(bodies[4]["QueryResult"][0]["Status"].string == "Offline")

            let old = try #require(before[2].string)
            #expect(try await worker.login("ann", "Web", userSig: old).status == 401)
            let new = try #require(try await python(worker, ["sign=ann"]).first?.string)
            #expect(try await worker.login("ann", "Web", userSig: new).status == 201)
        }
    }

    private func python(_ worker: CompatibleWorker, _ calls: [String]) async throws -> [JSON] {
        let folder = try temporaryFolder("client")
        defer { removeFolder(folder) }
        let id = "\(CompatibleWorker.sdkAppID)"
        let child = try Python.start(
            "client.py", [worker.worker.url, id, CompatibleWorker.secretKey, "administrator"] + calls, folder: folder)
        try await eventually(else: "the client does not end: \(child.log)") { !child.isRunning }
        #expect(child.exitStatus == 0, "\(child.log)")
        return try child.log.split(separator: "\n").map { try JSON(parsing: String($0)) }
    }

    @Test("A receiver verifies Sign and, with standardwebhooks, the headers of first attempts and of retries")
    func receiver() async throws {
        let folder = try temporaryFolder("receiver")
        defer { removeFolder(folder) }
        let old = "whsec_" + Data(repeating: 1, count: 24).base64EncodedString()
        let new = "whsec_" + Data(repeating: 2, count: 64).base64EncodedString()
        let receiver = try Python.start("receiver.py", ["xxxxyyyy", new], folder: folder)
        func lines() throws -> [JSON] {
            try receiver.log.split(separator: "\n").map { try JSON(parsing: String($0)) }
        }
        try await eventually(else: "the receiver does not listen: \(receiver.log)") {
            try lines().first?["port"].int != nil
        }
        let port = try #require(try lines().first?["port"].int)
        let settings = [
            "callback.url": "http://127.0.0.1:\(port)/hook?app=a%2Fb&app=c", "callback.sign-token": "xxxxyyyy",
            "callback.webhook-secrets": "\(old),\(new)",
        ]
        try await CompatibleWorker.with(settings) { worker in
            let login = try await worker.backend.login("ann", "iPhone", address: "192.0.2.1")
            #expect(login.status == 201)
            _ = try await worker.call("im_open_login_svc/kick", #"{"UserID":"ann"}"#)
            try await eventually(else: "two events are not accepted: \(receiver.log)") {
                try lines().count { $0["accepted"].bool == true } == 2
            }
            try check(try Array(lines().dropFirst()))
        }
        try await receiver.end(with: SIGKILL)
    }

    /// The attempts at a login and a kick, each of which was refused until it came with another time.
    private func check(_ attempts: [JSON]) throws {
        #expect(attempts.count >= 4)
        #expect(attempts.allSatisfy { $0["signed"].bool == true })
        for (id, attempts) in Dictionary(grouping: attempts, by: { $0["id"].string }) {
            let (first, last) = (attempts[0], attempts[attempts.count - 1])
            #expect(Set(attempts.map { $0["body"].string }).count == 1, "the body is the same bytes on every attempt")
            #expect(try JSON(parsing: first["body"].string ?? "")["Presence"]["id"].string == id)
            for member in ["timestamp", "signature"] { #expect(first[member] != last[member]) }
            for name in ["Sign", "RequestTime"] { #expect(first["query"][name] != last["query"][name]) }
            #expect(first["query"]["RequestTime"] == first["timestamp"])
            #expect(first["signature"].string?.split(separator: " ").count == 2, "one signature per secret")
        }
        let queries = attempts.filter { $0["accepted"].bool == true }.map { $0["query"] }
        #expect(queries.map { $0["OptPlatform"].string } == ["IOS", "RESTAPI"])
        for query in queries {
            #expect(query["SdkAppid"].string == "\(CompatibleWorker.sdkAppID)")
            #expect(query["CallbackCommand"].string == "State.StateChange")
            #expect(query["contenttype"].string == "json")
            #expect(query["ClientIP"].string == "192.0.2.1")
            #expect(query["app"].string == "c", "the query of the configured URL is kept")
        }
    }
}
