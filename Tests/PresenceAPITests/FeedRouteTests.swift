import NIOCore
import NIOHTTP1
import PresenceCore
import PresenceStore
import RedisClient
import Support
import Testing

@testable import PresenceAPI

@Suite("Changes and who is there, over HTTP", .timeLimit(.minutes(5)))
struct FeedRouteTests {
    static func stream(_ target: String, _ fields: String...) -> String {
        "GET \(target) HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n"
            + fields.map { $0 + "\r\n" }.joined() + "\r\n"
    }

    static func login(_ api: APIServer, _ user: String, _ platform: String = "Web") async throws -> JSON {
        let answer = try await api.post("/v1/sessions", #"{"user":"\#(user)","platform":"\#(platform)"}"#)
        #expect(answer.status == 201, "\(answer.text)")
        return try answer.json
    }

    @Test("Pages of changes in the words of the commands, each with where to go on")
    func pages() async throws {
        try await APIServer.withRedis { api in
            let first = try await api.get("/v1/events")
            #expect(first.status == 200 && first.headers["cache-control"] == ["no-store"])
            let begin = try first.json
            #expect(begin["events"].list.isEmpty && begin["more"] == false)
            let cursor = try #require(begin["next"].string)
            let login = try await Self.login(api, "ann")
            let page = try await api.get("/v1/events?after=\(cursor)&limit=10").json
            let change = page["events"][0]
            #expect(change["user"] == "ann" && change["version"] == login["version"] && change["previous"] == 0)
            #expect(change["action"] == "Login" && change["reason"] == "Register" && change["platform"] == "Web")
            #expect(change["instance"] == "default" && change["session"] == login["session"])
            #expect(change["status"] == "Online" && change["userStatus"] == "Online" && change["at"].int != nil)
            #expect(page["next"].string != nil)
        }
    }

    @Test("A call that its caller gave up is no error of the service")
    func givenUp() {
        #expect(Problem(CancellationError()).code == .overloaded)
    }

    @Test(
        "What cannot be asked is refused by name",
        arguments: [
            ("/v1/events?after=x", "after"), ("/v1/events?after=", "after"), ("/v1/events?limit=0", "limit"),
            ("/v1/events?limit=1001", "limit"),
            ("/v1/events?limit=1&limit=1", "limit"), ("/v1/events?users=ann", "users"),
            ("/v1/sessions?after=x", "after"), ("/v1/sessions?after=", "after"), ("/v1/sessions?limit=1e2", "limit"),
            ("/v1/sessions?status=Offline", "status"), ("/v1/sessions?status=", "status"),
            ("/v1/events?limit=", "limit"), ("/v1/sessions?platform=Ami%20ga", "platform"),
        ])
    func refused(_ path: String, _ field: String) async throws {
        try await APIServer.withoutRedis { api in
            let answer = try await api.get(path)
            #expect(answer.status == 400, "\(answer.text)")
            #expect(try answer.json["field"].string == field)
        }
    }

    @Test(
        "What no stream can be of is refused by name",
        arguments: [
            "users=", "users=,", "users=%FF", "users=a%00",
            "users=" + (0...500).map { "u\($0)" }.joined(separator: ","),
        ])
    func refusedStream(_ query: String) async throws {
        try await APIServer.withoutRedis { api in
            var call = Call.get("/v1/events?\(query)")
            call.headers.add(name: "Accept", value: "text/event-stream")
            let answer = try await api.call(call)
            #expect(answer.status == 400, "\(answer.text)")
            #expect(try answer.json["field"].string == "users")
        }
    }

    @Test("Without Redis nothing is told: 503 before any head")
    func unavailable() async throws {
        try await APIServer.withoutRedis { api in
            for target in ["/v1/events", "/v1/events?users=ann", "/v1/sessions"] {
                var call = Call.get(target)
                call.headers.add(name: "Accept", value: "text/event-stream")
                let answer = try await api.call(call)
                #expect(answer.status == 503 && answer.headers["retry-after"] == ["1"], "\(target): \(answer.text)")
            }
        }
    }

    @Test("A cursor of other data is gone, and the answer says where to begin anew")
    func gone() async throws {
        try await APIServer.withRedis { api in
            for path in ["/v1/events?after=1-0-0-x", "/v1/sessions?after=1-0-0-x_0_b"] {
                let answer = try await api.get(path)
                #expect(answer.status == 410)
                #expect(try answer.json["code"] == "cursor-expired")
                #expect(try answer.json["detail"].string?.contains("GET /v1/sessions") == true)
            }
        }
    }

    @Test("The export: pages of users with their sessions, and the cursor of the feed before the first")
    func export() async throws {
        try await APIServer.withRedis { api in
            for user in 0..<25 { _ = try await Self.login(api, "u\(user)", user < 5 ? "iPhone" : "Web") }
            var users: Set<String> = []
            var feeds: Set<String> = []
            var query = "limit=10"
            while true {
                let page = try await api.get("/v1/sessions?\(query)").json
                for user in page["users"].list {
                    users.insert(user["user"].string ?? "")
                    #expect(
                        user["status"] == "Online" && user["sessions"].list.count == 1 && user["version"].int != nil)
                }
                feeds.insert(page["feed"].string ?? "")
                guard let next = page["next"].string else { break }
                query = "limit=10&after=\(next)"
            }
            #expect(users.count == 25 && feeds.count == 1)
            let feed = try #require(feeds.first)
            #expect(try await api.get("/v1/events?after=\(feed)").status == 200)
            let phones = try await api.get("/v1/sessions?platform=iPhone&status=Online").json["users"].list
            #expect(phones.count == 5)
        }
    }

    @Test("A platform is named as answers name it, or by its alias; also one in no table that has sessions still")
    func platforms() async throws {
        try await APIServer.withRedis { api in
            _ = try await Self.login(api, "ann", "iPhone")
            for name in ["iPhone", "iOS"] {
                let users = try await api.get("/v1/sessions?platform=\(name)").json["users"].list
                #expect(users.map { $0["user"] } == ["ann"], "\(name)")
                #expect(try await api.get("/v1/overview?platform=\(name)").status == 200)
            }
            #expect(try await api.get("/v1/sessions?platform=Web").json["users"] == [])
            let keys = KeySpace(prefix: "presence", shards: 16)
            let ann = keys.user(try UserID("ann"))
            let record = try await api.redis.send(RedisCommand("HGET", key: ann, "iPhone:default")).string ?? ""
            for (path, key, field, value) in [
                ("/v1/sessions?platform=Amiga", keys.counts(3), "Online:Amiga", "1"),
                ("/v1/users/ann/kick", ann, "Amiga:default", record),
            ] {
                func answer() async throws -> Answer {
                    try await path.hasSuffix("kick") ? api.post(path, #"{"platform":"Amiga"}"#) : api.get(path)
                }
                let unknown = try await answer()
                #expect(unknown.status == 400, "\(unknown.text)")
                #expect(try unknown.json["field"] == "platform")
                _ = try await api.redis.send(RedisCommand("HSET", key: key, field, value))
                #expect(try await answer().status == 200)
                _ = try await api.redis.send(RedisCommand("HDEL", key: key, field))
            }
        }
    }
}
