import Foundation
import RedisClient
import Support
import Testing

@Suite("The compatible API answers byte for byte")
struct AnswerTests {
    private static let ok = #""ActionStatus":"OK","ErrorInfo":"","ErrorCode":0"#

    @Test("A query: the contract's example, under both of its names")
    func query() async throws {
        try await CompatibleWorker.with { worker in
            let phone = try await worker.backend.session("id1", "iPhone")
            _ = try await worker.backend.disconnect("id1", phone)
            _ = try await worker.backend.session("id1", "Web")
            let expected =
                #"{\#(Self.ok),"QueryResult":["#
                + #"{"To_Account":"id1","Status":"Online","State":"Online","#
                + #""Detail":[{"Platform":"iPhone","Status":"PushOnline"},{"Platform":"Web","Status":"Online"}]},"#
                + #"{"To_Account":"id2","Status":"Offline","State":"Offline"}],"#
                + #""ErrorList":[{"To_Account":"","ErrorCode":90003}]}"#
            for command in ["openim/query_online_status", "openim/querystate"] {
                let reply = try await worker.call(command, #"{"To_Account":["id1","id2",""],"IsNeedDetail":1}"#)
                #expect(reply.text == expected)
                #expect(reply.isWellFormed)
            }
        }
    }

    @Test("An account whose record cannot be read is listed apart, in both APIs, and is no error of the others")
    func unreadable() async throws {
        try await CompatibleWorker.with { worker in
            for user in ["ann", "bob"] { _ = try await worker.backend.session(user, "Mac") }
            try await worker.deployment.corruptRecord(of: "ann")
            let compatible = try await worker.call("openim/query_online_status", #"{"To_Account":["ann","bob"]}"#)
            #expect(
                compatible.text
                    == #"{\#(Self.ok),"QueryResult":[{"To_Account":"bob","Status":"Online","State":"Online"}],"#
                    + #""ErrorList":[{"To_Account":"ann","ErrorCode":90992}]}"#)
            let native = try await worker.backend.statuses(["ann", "bob"])
            #expect(native.body["results"].list.map { $0["user"].string } == ["bob"])
            #expect(try native.body["errors"].list == [JSON(parsing: #"{"user":"ann","code":"unreadable-record"}"#)])
        }
    }

    @Test("Accounts are bytes: one that looks like another is not kicked or shown for it")
    func lookalikes() async throws {
        try await CompatibleWorker.with { worker in
            for (one, other) in [("ann", "\u{FEFF}ann"), ("e\u{301}", "\u{E9}"), ("K", "\u{212A}")] {
                _ = try await worker.backend.session(one, "Mac")
                let query = #"{"To_Account":["\#(one)","\#(other)"]}"#
                for _ in 0..<2 {
                    let reply = try await worker.call("openim/query_online_status", query).json["QueryResult"]
                    #expect(
                        reply.list.map { $0["To_Account"].string.map { Array($0.utf8) } }
                            == [one, other].map { Array($0.utf8) })
                    #expect(reply.list.map { $0["Status"].string } == ["Online", "Offline"])
                    let kick = try await worker.call("im_open_login_svc/kick", #"{"UserID":"\#(other)"}"#)
                    #expect(kick.code == 0)
                }
            }
        }
    }

    @Test("Detail comes only when asked for, an id given twice is answered twice, other flags change nothing")
    func flags() async throws {
        try await CompatibleWorker.with { worker in
            _ = try await worker.backend.session("ann", "Mac")
            let one = #"{"To_Account":"ann","Status":"Online","State":"Online"}"#
            let plain = #"{\#(Self.ok),"QueryResult":[\#(one),\#(one)],"ErrorList":[]}"#
            for flag in ["", #","IsNeedDetail":0"#, #","IsNeedDetail":false"#, #","IsReturnInstid":1"#] {
                let body = #"{"To_Account":["ann","ann"]\#(flag),"IsReturnCustomStatus":1}"#
                #expect(try await worker.call("openim/query_online_status", body).text == plain)
            }
            for flag in ["1", "true"] {
                let reply = try await worker.call(
                    "openim/query_online_status", #"{"To_Account":["ann"],"IsNeedDetail":\#(flag)}"#)
                #expect(reply.json["QueryResult"][0]["Detail"][0]["Platform"].string == "Mac")
            }
        }
    }

    @Test(
        "Windows and Linux are one PC, MiniProgram is Web, with the greatest status; a platform of ours keeps its name")
    func platforms() async throws {
        let folder = try temporaryFolder("platforms")
        defer { removeFolder(folder) }
        let file = "\(folder)/presence.yaml"
        try "platforms:\n  HarmonyOS:\n    class: mobile\n".write(toFile: file, atomically: true, encoding: .utf8)
        try await CompatibleWorker.with(["config": file, "login.limits": "iPhone=2,Web=2"]) { worker in
            let away = try await worker.backend.session("ann", "iPhone", instance: "a")
            _ = try await worker.backend.disconnect("ann", away)
            for platform in ["Linux", "Windows", "MiniProgram", "iPhone", "HarmonyOS", "Android", "iPad", "Mac", "Web"]
            {
                _ = try await worker.backend.session("ann", platform, instance: "b-\(platform)")
            }
            let gone = try await worker.backend.session("ann", "Android", instance: "b-Android")
            _ = try await worker.backend.disconnect("ann", gone)
            let detail = try await worker.status(of: "ann")["Detail"].list
            #expect(
                detail.compactMap(\.platformStatus) == [
                    "iPhone Online", "PC Online", "Web Online", "HarmonyOS Online", "iPad Online", "Mac Online",
                    "Android PushOnline",
                ])
        }
    }

    @Test("A kick, by the new key and the legacy one, ends all sessions")
    func kick() async throws {
        try await CompatibleWorker.with { worker in
            for (user, key) in [("ann", "UserID"), ("bob", "Identifier")] {
                _ = try await worker.backend.session(user, "Web")
                _ = try await worker.backend.session(user, "iPhone")
                let reply = try await worker.call("im_open_login_svc/kick", #"{"\#(key)":"\#(user)"}"#)
                #expect(reply.text == "{\(Self.ok)}")
                #expect(try await worker.backend.status(user) == "Offline")
                try await eventually(else: "heard \(worker.deployment.receiver.changes(of: user))") {
                    worker.deployment.receiver.changes(of: user).suffix(2) == ["Logout/Kicked", "Logout/Kicked"]
                }
            }
            #expect(try await worker.call("im_open_login_svc/kick", #"{"UserID":"nobody"}"#).text == "{\(Self.ok)}")
        }
    }

    @Test("An account check: every id that can name a user is imported")
    func accountCheck() async throws {
        try await CompatibleWorker.with { worker in
            let reply = try await worker.call("im_open_login_svc/account_check", #"{"CheckItem":[{"UserID":"a"}]}"#)
            #expect(
                reply.text == #"{\#(Self.ok),"ResultItem":[{"UserID":"a","ResultCode":0,"ResultInfo":"","#
                    + #""AccountStatus":"Imported"}]}"#)
            let bad = try await worker.call("im_open_login_svc/account_check", #"{"CheckItem":[{"UserID":""}]}"#)
            #expect(bad.isWellFormed && bad.code == 0)
            #expect(bad.json["ResultItem"][0]["ResultCode"].int == 70402)
            #expect(bad.json["ResultItem"][0]["AccountStatus"].string == "NotImported")
            let items = (1...100).map { #"{"UserID":"u\#($0)"}"# }.joined(separator: ",")
            let most = try await worker.call("im_open_login_svc/account_check", #"{"CheckItem":[\#(items)]}"#)
            #expect(most.json["ResultItem"].list.count == 100)
        }
    }

    @Test("500 ids are asked of Redis in two pipelined round trips at most")
    func roundTrips() async throws {
        // With short keys Redis reads all that came in a round trip at once.
        try await CompatibleWorker.with(["redis.prefix": "p"], credentials: "") { worker in
            let ids = (1...500).map { "\"\($0)\"" }.joined(separator: ",")
            try await worker.deployment.redis.withClient { redis in
                func reads() async throws -> Int {
                    let info = try await redis.send(.init(keyless: "INFO", "stats")).string ?? ""
                    return try #require(info.firstMatch(of: /total_reads_processed:(\d+)/).flatMap { Int($0.1) })
                }
                var fewest = Int.max
                for _ in 0..<20 {
                    let before = try await reads()
                    let reply = try await worker.call("openim/query_online_status", #"{"To_Account":[\#(ids)]}"#)
                    // One of them asks how many.
                    fewest = min(fewest, try await reads() - before - 1)
                    #expect(reply.json["QueryResult"].list.count == 500)
                }
                // The worker's background work is read too, but not during each of twenty queries.
                #expect((1...2).contains(fewest), "\(fewest) reads")
            }
        }
    }
}

extension JSON {
    /// `iPhone PushOnline`
    var platformStatus: String? {
        guard let platform = self["Platform"].string, let status = self["Status"].string else { return nil }
        return "\(platform) \(status)"
    }
}
