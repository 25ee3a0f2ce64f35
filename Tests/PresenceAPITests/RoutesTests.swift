import JSON
import NIOCore
import NIOHTTP1
import PresenceCore
import Support
import Testing

@testable import PresenceAPI

/// Ids that a path, a shard, a key or a JSON text could trip over.
private let oddIDs = [
    "a{b}c", "{042}", "a:b", "a/b", "/", "a\"b'c`", "🙂👩‍👩‍👧", "a b+c", "%41", "é", "e\u{301}", "..", "a?b#c", "\\u0041",
    "alice", "\u{FEFF}alice", "al\u{FEFF}ice", "\u{FEFF}", "\u{301}x", "\u{600}", "K", "\u{212A}", "Å", "\u{212B}",
    "\u{2028}", "\u{FFFD}", "\u{FFFF}",
]

@Suite("The native routes")
struct RoutesTests {
    private static func login(
        _ api: APIServer, _ user: String, _ platform: String, instance: String = "default"
    ) async throws -> String {
        let answer = try await api.post(
            "/v1/sessions", #"{"user":\#(json(user)),"platform":"\#(platform)","instance":"\#(instance)"}"#)
        #expect(answer.status == 201, "\(answer.text)")
        return try #require(try answer.json["session"].string)
    }

    private static func json(_ text: String) -> String { String(buffer: text.json) }

    private static func percentEncoded(_ text: String) -> String {
        text.utf8.map { "%" + ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    @Test("Odd but valid ids are users of their own, in bodies and in paths")
    func oddIDs() async throws {
        try await APIServer.withRedis { api in
            for (index, id) in PresenceAPITests.oddIDs.enumerated() {
                _ = try await Self.login(api, id, "iPhone", instance: "i\(index)")
            }
            for (index, id) in PresenceAPITests.oddIDs.enumerated() {
                let user = try await api.get("/v1/users/\(Self.percentEncoded(id))").json
                #expect(user["user"].string.map { Array($0.utf8) } == Array(id.utf8))
                #expect(user["sessions"].list.map { $0["instance"].string } == ["i\(index)"], "\(id)")
            }
            let list = PresenceAPITests.oddIDs.map(Self.json).joined(separator: ",")
            let results = try await api.post("/v1/statuses", #"{"users":[\#(list)]}"#).json["results"].list
            #expect(
                results.map { $0["user"].string.map { Array($0.utf8) } }
                    == PresenceAPITests.oddIDs.map { Array($0.utf8) })
            #expect(results.allSatisfy { $0["status"] == "Online" })
            let kick = try await api.post("/v1/users/a%2Fb/kick", "").json
            #expect(kick["kicked"].list.count == 1)
            // A byte order mark in front is part of the id.
            let other = try await api.post("/v1/users/%EF%BB%BFalice/kick", "").json
            #expect(other["kicked"].list.count == 1)
            #expect(try await api.get("/v1/users/alice").json["status"] == "Online")
            // So it is in JSON, raw or escaped.
            for id in ["\u{FEFF}alice", #"\uFEFFalice"#] {
                let result = try await api.post("/v1/statuses", #"{"users":["\#(id)"]}"#).json["results"][0]
                #expect(result["user"].string?.utf8.count == 8 && result["status"] == "Offline")
            }
        }
    }

    @Test("Statuses keep the order and the duplicates; ids that can be nobody's are told apart")
    func statuses() async throws {
        try await APIServer.withRedis { api in
            _ = try await Self.login(api, "ann", "Web")
            let answer = try await api.post(
                "/v1/statuses", #"{"users":["bob","ann","","bob","ann","a\tb"]}"#
            ).json
            #expect(answer["results"].list.map { $0["user"] } == ["bob", "ann", "bob", "ann"])
            #expect(answer["results"].list.map { $0["status"] } == ["Offline", "Online", "Offline", "Online"])
            #expect(answer["results"][0]["version"] == 0)
            #expect(answer["results"][0].members["changedAt"] == JSON.null)
            #expect(answer["results"][1].members["sessions"] == nil)
            #expect(answer["errors"].list.map { $0["user"] } == ["", "a\tb"])
            #expect(answer["errors"].list.allSatisfy { $0["code"] == "invalid-user" })

            let detailed = try await api.post("/v1/statuses", #"{"users":["bob","ann"],"detail":true}"#).json
            #expect(detailed["results"][0]["sessions"] == [])
            #expect(detailed["results"][1]["sessions"][0]["platform"] == "Web")
        }
    }

    @Test("A login answers with its session, the heartbeat to keep and the sessions it ended")
    func login() async throws {
        try await APIServer.withRedis { api in
            let web = try await Self.login(api, "ann", "Web")
            let answer = try await api.post("/v1/sessions", #"{"user":"ann","platform":"iOS","instance":"p1"}"#)
            let login = try answer.json
            #expect(answer.status == 201)
            #expect(login["session"].string?.hasPrefix("iPhone:p1:") == true)
            #expect(login["status"] == "Online")
            #expect(login["heartbeat"] == .object(["intervalSeconds": 120, "timeoutSeconds": 400]))
            #expect(login["kicked"].list.map { $0["session"].string } == [web])
            let user = try await api.get("/v1/users/ann").json
            #expect(user["version"] == login["version"])
            #expect(user["sessions"].list.count == 1)
        }
    }

    @Test("Sessions that never were, of another user, or superseded: heartbeats are gone, ends change nothing")
    func strangers() async throws {
        try await APIServer.withRedis { api in
            let old = try await Self.login(api, "ann", "iPhone")
            let new = try await Self.login(api, "ann", "iPhone")
            let before = try await api.get("/v1/users/ann").json
            let strangers = [
                ("ann", "iPhone:default:never"), ("ann", "Web:default:never"), ("ann", "Amiga:default:never"),
                ("bob", new),
                ("ann", old),
            ]
            for (user, session) in strangers {
                let named = #"{"user":"\#(user)","session":"\#(session)"}"#
                let beat = try await api.post("/v1/heartbeats", #"{"sessions":[\#(named)]}"#).json
                #expect(beat["renewed"] == 0)
                #expect(beat["gone"].list.map { $0["session"].string } == [session])
                for path in ["/v1/sessions/disconnect", "/v1/sessions/logout"] {
                    let answer = try await api.post(path, named)
                    #expect(answer.status == 200)
                    #expect(try answer.json["status"] == "Offline" || session == old, "\(answer.text)")
                    if session == old { #expect(try answer.json["superseded"] == true) }
                }
            }
            #expect(try await api.get("/v1/users/ann").json == before)
            let beat = try await api.post("/v1/heartbeats", #"{"sessions":[{"user":"ann","session":"\#(new)"}]}"#).json
            #expect(beat["renewed"] == 1)
        }
    }

    @Test("Disconnect and logout answer the same when repeated")
    func repeated() async throws {
        try await APIServer.withRedis { api in
            let named = #"{"user":"ann","session":"\#(try await Self.login(api, "ann", "iPhone"))"}"#
            let lost = try await api.post("/v1/sessions/disconnect", named).json
            #expect(lost["status"] == "PushOnline" && lost["userStatus"] == "PushOnline" && lost["superseded"] == false)
            #expect(try await api.post("/v1/sessions/disconnect", named).json == lost)
            let out = try await api.post("/v1/sessions/logout", named).json
            #expect(out["status"] == "Offline" && out["userStatus"] == "Offline")
            #expect(try await api.post("/v1/sessions/logout", named).json == out)
        }
    }

    @Test("A kick ends the sessions that match, all of them without a body")
    func kick() async throws {
        try await APIServer.withRedis(limits: LoginLimits(policy: .multi)) { api in
            let web = try await Self.login(api, "ann", "Web")
            let phone = try await Self.login(api, "ann", "iPhone")
            let mac = try await Self.login(api, "ann", "Mac")
            let one = try await api.post("/v1/users/ann/kick", #"{"platform":"Web","reason":"stolen"}"#).json
            #expect(one["kicked"].list.map { $0["session"].string } == [web])
            #expect(one["status"] == "Online")
            let rest = try await api.post("/v1/users/ann/kick", "").json
            #expect(Set(rest["kicked"].list.map { $0["session"].string }) == [phone, mac])
            #expect(rest["status"] == "Offline")
            #expect(try await api.post("/v1/users/ann/kick", "{}").json["kicked"] == [])
        }
    }

    @Test("Stats count users by status and sessions by status and platform")
    func stats() async throws {
        try await APIServer.withRedis(limits: LoginLimits(policy: .multi)) { api in
            _ = try await Self.login(api, "ann", "Web")
            let phone = try await Self.login(api, "ann", "iPhone")
            let bob = try await Self.login(api, "bob", "iPhone")
            for (user, session) in [("ann", phone), ("bob", bob)] {
                _ = try await api.post("/v1/sessions/disconnect", #"{"user":"\#(user)","session":"\#(session)"}"#)
            }
            let stats = try await api.get("/v1/stats").json
            #expect(stats["users"] == .object(["Online": 1, "PushOnline": 1]))
            #expect(stats["sessions"]["PushOnline"]["iPhone"] == 2)
            #expect(stats["sessions"]["Online"]["Web"] == 1)
        }
    }

    @Test("Any Content-Type, or none, is taken as JSON; members nobody knows are ignored")
    func contentType() async throws {
        try await APIServer.withRedis { api in
            for type in [nil, "text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-8"] {
                var call = Call.post("/v1/statuses", #"{"users":["ann"],"x":[{"y":null}]}"#)
                if let type { call.headers.add(name: "Content-Type", value: type) }
                let answer = try await api.call(call)
                #expect(answer.status == 200)
            }
        }
    }

    @Test(
        "What the JSON writer writes, a JSON reader reads back",
        arguments: PresenceAPITests.oddIDs + ["", "\u{0}\u{1f}\u{7f}\n\t\\/\""])
    func escaping(_ text: String) throws {
        #expect(try JSON(parsing: Self.json(text)) == .text(text))
    }
}
