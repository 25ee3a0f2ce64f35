import AsyncHTTPClient
import Foundation
import NIOHTTP1
import Support
import Testing
import UserSig

/// A call that must be answered with a code.
private struct Refusal {
    var code: Int
    var what: Comment
    var method = HTTPMethod.POST
    var command = "openim/query_online_status"
    var query = CompatibleWorker.query()
    var body = Array(#"{"To_Account":["ann"]}"#.utf8)

    init(
        _ code: Int, _ what: Comment, method: HTTPMethod = .POST, command: String = "openim/query_online_status",
        query: String = CompatibleWorker.query(), body: String = #"{"To_Account":["ann"]}"#
    ) {
        (self.code, self.what, self.method, self.command) = (code, what, method, command)
        (self.query, self.body) = (query, Array(body.utf8))
    }

    /// A body of another command of the login service.
    static func login(_ what: Comment, _ command: String, _ body: String) -> Refusal {
        Refusal(70402, what, command: "im_open_login_svc/\(command)", body: body)
    }
}

@Suite("Bad calls of the compatible API have a code each, in the documented order")
struct RefusalTests {
    private func check(_ refusals: [Refusal]) async throws {
        try await CompatibleWorker.with { worker in
            for refusal in refusals {
                let reply = try await worker.send(
                    refusal.method, "/v4/\(refusal.command)?\(refusal.query)", refusal.body)
                #expect(reply.code == refusal.code, refusal.what)
                #expect(reply.isWellFormed, "\(refusal.what): \(reply.status) \(reply.text)")
            }
        }
    }

    @Test("Of the request: method, command, and the query's parameters")
    func requests() async throws {
        let sig = CompatibleWorker.userSig("administrator")
        let app = "sdkappid=\(CompatibleWorker.sdkAppID)"
        try await check([
            Refusal(60002, "a method that is neither POST nor GET", method: .PUT),
            Refusal(60002, "the method comes before the command", method: .DELETE, command: "no/such"),
            Refusal(60009, "unknown command", command: "openim/sendmsg"),
            Refusal(60009, "unknown service", command: "no/such"),
            Refusal(60009, "no command", command: "openim"),
            Refusal(60009, "nothing at all", command: ""),
            Refusal(60009, "other letters", command: "openim/QueryState"),
            Refusal(60009, "more behind the command", command: "openim/querystate/x"),
            Refusal(60009, "the command comes before the query", command: "openim/sendmsg", query: ""),
            Refusal(
                60002, "sdkappid twice, although the same",
                query: "\(app)&\(app)&identifier=administrator&usersig=\(sig)"),
            Refusal(60002, "identifier twice", query: "\(app)&identifier=administrator&identifier=x&usersig=\(sig)"),
            Refusal(60002, "usersig twice", query: "\(app)&identifier=administrator&usersig=\(sig)&usersig=x"),
            Refusal(60002, "an identifier that is no UTF-8", query: "\(app)&identifier=%ff&usersig=\(sig)"),
            Refusal(60002, "an identifier cut off", query: "\(app)&identifier=administrator%c3&usersig=\(sig)"),
            Refusal(
                70013, "an identifier with a byte order mark in front is another",
                query: "\(app)&identifier=%EF%BB%BFadministrator&usersig=\(sig)"),
            Refusal(60012, "no query", query: ""),
            Refusal(60012, "no sdkappid", query: "identifier=administrator&usersig=\(sig)"),
            Refusal(60012, "an empty sdkappid", query: CompatibleWorker.query(app: "")),
            Refusal(60012, "sdkappid in other letters", query: "SdkAppId=1&identifier=administrator&usersig=\(sig)"),
            Refusal(60006, "another sdkappid", query: CompatibleWorker.query(app: "1400000001")),
            Refusal(60006, "an sdkappid that is no number", query: CompatibleWorker.query(app: "app")),
            Refusal(
                60006, "an sdkappid beyond all numbers", query: CompatibleWorker.query(app: "99999999999999999999")),
            Refusal(60004, "no identifier", query: "\(app)&usersig=\(sig)"),
            Refusal(60004, "an empty identifier", query: "\(app)&identifier=&usersig=\(sig)"),
            Refusal(60005, "no usersig", query: "\(app)&identifier=administrator"),
            Refusal(60005, "an empty usersig", query: "\(app)&identifier=administrator&usersig="),
        ])
    }

    @Test("Of the usersig, and of who is no administrator")
    func userSigs() async throws {
        func query(_ sig: String) -> String { CompatibleWorker.query(userSig: sig) }
        let expired = CompatibleWorker.userSig("administrator", after: -3_601)
        let future = CompatibleWorker.userSig("administrator", after: 400)
        let stranger = UserSigKey(sdkAppID: CompatibleWorker.sdkAppID, secretKey: "another")
        let otherApp = UserSigKey(sdkAppID: 1_400_000_001, secretKey: CompatibleWorker.secretKey)
        let half = CompatibleWorker.userSig("administrator").prefix(100)
        try await check([
            Refusal(70001, "expired", query: query(expired)),
            Refusal(70003, "cut", query: query(String(half))),
            Refusal(70003, "nonsense", query: query("nonsense")),
            Refusal(70003, "as long as a URL may be", query: query(String(repeating: "A", count: 30_000))),
            Refusal(
                70009, "signed with another key", query: query(CompatibleWorker.userSig("administrator", key: stranger))
            ),
            Refusal(70009, "dated in the future", query: query(future)),
            Refusal(70013, "another administrator's", query: query(CompatibleWorker.userSig("second"))),
            Refusal(70014, "another app's", query: query(CompatibleWorker.userSig("administrator", key: otherApp))),
            Refusal(90009, "no administrator, for a query", query: CompatibleWorker.query(identifier: "ann")),
            Refusal(
                90009, "no administrator, for a query by its older name", command: "openim/querystate",
                query: CompatibleWorker.query(identifier: "ann")),
            Refusal(
                70403, "no administrator, for a kick", command: "im_open_login_svc/kick",
                query: CompatibleWorker.query(identifier: "ann")),
            Refusal(
                70403, "no administrator, for an account check", command: "im_open_login_svc/account_check",
                query: CompatibleWorker.query(identifier: "ann")),
            Refusal(
                90009, "administrator comes before body", query: CompatibleWorker.query(identifier: "ann"), body: "x"),
        ])
    }

    @Test("Of the body")
    func bodies() async throws {
        func ids(_ count: Int) -> String { (0..<count).map { "\"u\($0)\"" }.joined(separator: ",") }
        var invalidUTF8 = Refusal(60003, "invalid UTF-8")
        invalidUTF8.body = Array(#"{"To_Account":["a"#.utf8) + [0xFF, 0xFE] + Array(#""]}"#.utf8)
        try await check([
            invalidUTF8,
            Refusal(60002, "a body over the cap", body: String(repeating: "x", count: (1 << 20) + 1)),
            Refusal(60003, "1 MB of no JSON", body: String(repeating: "x", count: 1_000_000)),
            Refusal(60003, "no body", body: ""),
            Refusal(60003, "half a body", body: #"{"To_Account":["#),
            Refusal(60003, "a form", body: "json={}"),
            Refusal(60003, "an array", body: #"["ann"]"#),
            Refusal(60003, "a text", body: #""ann""#),
            Refusal(60003, "arrays 10 000 deep", body: String(repeating: "[", count: 10_000)),
            Refusal(60003, "no JSON, for a kick", command: "im_open_login_svc/kick", body: "ann"),
            Refusal(60003, "no JSON, for an account check", command: "im_open_login_svc/account_check", body: "ann"),
            Refusal(60003, "a byte order mark in front", body: "\u{FEFF}" + #"{"To_Account":["ann"]}"#),
            Refusal(60003, "half a surrogate pair", body: #"{"To_Account":["\ud800"]}"#),
            Refusal(
                60003, "half a body with a flag that is none", body: #"{"IsNeedDetail":"yes","To_Account":["ann"]"#),
            Refusal(90003, "To_Account twice", body: #"{"To_Account":["ann"],"To_Account":["bob"]}"#),
            Refusal(90001, "a flag that is no whole number", body: #"{"To_Account":["ann"],"IsNeedDetail":0.5}"#),
            Refusal(90001, "an empty list", body: #"{"To_Account":[]}"#),
            Refusal(90001, "a flag that is none", body: #"{"To_Account":["ann"],"IsNeedDetail":"yes"}"#),
            Refusal(90003, "no To_Account", body: "{}"),
            Refusal(90003, "To_Account null", body: #"{"To_Account":null}"#),
            Refusal(90003, "To_Account a text", body: #"{"To_Account":"ann"}"#),
            Refusal(90003, "numbers as ids", body: #"{"To_Account":[1,2]}"#),
            Refusal(90003, "one number among ids", body: #"{"To_Account":["ann",2]}"#),
            Refusal(90011, "501 ids", body: #"{"To_Account":[\#(ids(501))]}"#),
            .login("a kick of nobody", "kick", "{}"),
            .login("a kick of a number", "kick", #"{"UserID":7}"#),
            .login("a kick of an empty id", "kick", #"{"UserID":""}"#),
            .login("a kick of 129 bytes", "kick", #"{"UserID":"\#(String(repeating: "x", count: 129))"}"#),
            .login("a kick of a line break", "kick", #"{"Identifier":"a\nb"}"#),
            .login("a check of nothing", "account_check", "{}"),
            .login("a check of none", "account_check", #"{"CheckItem":[]}"#),
            .login("a check of texts", "account_check", #"{"CheckItem":["ann"]}"#),
            .login("a check of a number", "account_check", #"{"CheckItem":[{"UserID":7}]}"#),
            .login(
                "a check of 101", "account_check",
                #"{"CheckItem":[\#((0..<101).map { #"{"UserID":"\#($0)"}"# }.joined(separator: ","))]}"#),
        ])
    }

    @Test("While Redis cannot be asked a query and a kick fail, nobody is called Offline")
    func redisDown() async throws {
        try await CompatibleWorker.with(["redis.command-timeout-ms": "200"]) { worker in
            try await worker.deployment.redis.kill()
            let query = try await worker.call("openim/querystate", #"{"To_Account":["ann"]}"#)
            #expect(query.isWellFormed && query.code == 90992)
            #expect(!query.text.contains("Offline"))
            let kick = try await worker.call("im_open_login_svc/kick", #"{"UserID":"ann"}"#)
            #expect(kick.isWellFormed && kick.code == 70500)
        }
    }

    @Test("Without a key the compatible API is not there, and the log says how to switch it on")
    func off() async throws {
        try await CompatibleWorker.with(["app.id": "", "app.secret-key": "", "app.admins": ""]) { worker in
            let reply = try await worker.call("openim/querystate", #"{"To_Account":["ann"]}"#)
            #expect(reply.status == 404)
            #expect(worker.worker.log.contains("set app.id and app.secret-key to switch it on"))
        }
    }

    @Test("No usersig of a call is ever logged")
    func log() async throws {
        try await CompatibleWorker.with { worker in
            let sig = CompatibleWorker.userSig("administrator")
            for command in ["openim/querystate", "no/such"] {
                _ = try await worker.call(
                    command, #"{"To_Account":["ann"]}"#, query: CompatibleWorker.query(userSig: sig))
            }
            try await eventually(else: "the failed call is not logged") { worker.worker.log.contains("60009") }
            #expect(!worker.worker.log.contains(sig))
        }
    }
}
