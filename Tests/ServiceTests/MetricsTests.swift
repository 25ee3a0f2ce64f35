import Foundation
import NIOHTTP1
import RedisClient
import Support
import Testing

@Suite("Metrics")
struct MetricsTests {
    /// Ids that would break a format that had them in it.
    private static let odd = ["alice", "a\"b\\c", "{user=\"x\"}", "# HELP", "🙂", "le=\"+Inf\""]

    @Test("After known traffic the figures of two workers say exactly that, and nobody's name")
    func traffic() async throws {
        try await Deployment.with(workers: 2, ["login.policy": "triple"]) { deployment in
            let (backend, workers) = (deployment.backend, deployment.workers)
            for user in Self.odd { _ = try await backend.session(user, "Web") }
            let displaced = try await backend.session("bob", "Android")
            let kept = try await backend.session("bob", "iPad")
            _ = try await backend.heartbeat([("bob", kept), ("bob", displaced), ("mallory", kept)])
            // A repeat is no second change.
            for _ in 0..<2 { _ = try await backend.disconnect("bob", kept) }
            let mac = try await backend.session("carol", "Mac")
            for _ in 0..<2 { _ = try await backend.logout("carol", mac) }
            for _ in 0..<2 { _ = try await backend.kick("alice") }
            #expect(try await backend.login("dave", "Amiga").status == 400)
            try await eventually(else: "the silent are not settled") {
                deployment.receiver.events.count { $0.change == "Disconnect/LinkClose" } == Self.odd.count
                    && deployment.receiver.changes(of: "bob").last == "Logout/Expired"
            }
            let figures = try await Figures.of(workers)
            let logins = "presence_logins_total"
            #expect(figures[#"\#(logins){platform="Web",outcome="accepted"}"#] == Double(Self.odd.count))
            #expect(figures.sum(logins, #"outcome="accepted""#) == Double(Self.odd.count + 3))
            let transitions: [(String, String, Int)] = [
                ("Web", "Login/Register", Self.odd.count), ("Android", "Login/Register", 1),
                ("iPad", "Login/Register", 1), ("iPad", "Disconnect/LinkClose", 1), ("iPad", "Logout/Expired", 1),
                ("Mac", "Logout/Unregister", 1), ("Web", "Logout/Kicked", 1),
                ("Web", "Disconnect/LinkClose", Self.odd.count - 1), ("Android", "Logout/Kicked", 0),
                ("other", "Login/Register", 0),
            ]
            for (platform, change, count) in transitions {
                let words = change.split(separator: "/")
                let labels = #"platform="\#(platform)",action="\#(words[0])",reason="\#(words[1])""#
                #expect(figures["presence_transitions_total{\(labels)}"] == Double(count), "\(labels)")
            }
            #expect(figures.sum("presence_transitions_total") == Double(deployment.receiver.events.count))
            #expect(figures[#"presence_kicked_sessions_total{platform="Android",by="login"}"#] == 1)
            #expect(figures[#"presence_kicked_sessions_total{platform="Web",by="call"}"#] == 1)
            #expect(figures[#"presence_heartbeats_total{outcome="renewed",via="http"}"#] == 1)
            #expect(figures[#"presence_heartbeats_total{outcome="gone",via="http"}"#] == 2)
            #expect(figures["presence_settlement_lag_seconds_count"] == Double(Self.odd.count))
            #expect(
                figures["presence_callback_duration_seconds_count"] == figures.sum("presence_callback_attempts_total"))
            #expect(
                figures["presence_callback_first_attempt_delay_seconds_count"]
                    == Double(deployment.receiver.events.count))
            let posts = #"http_request_method="POST",http_route="/v1/sessions""#
            let requests = "http_server_request_duration_seconds_count"
            #expect(figures.sum(requests, posts, #"code="201""#) == Double(Self.odd.count + 3))
            #expect(figures.sum(requests, posts, #"code="400""#) == 1)
            for name in ["alice", "bob", "carol", "mallory", "dave", "Amiga", "🙂", "a\\"] {
                #expect(!figures.text.contains(name), "\(name)")
            }
        }
    }

    @Test("Live sessions, users and shards add up over the workers, whoever owns what")
    func sums() async throws {
        let settings = [
            "login.policy": "multi", "heartbeat.mobile-timeout-ms": "400000", "heartbeat.desktop-timeout-ms": "400000",
            "push.retention-ms": "400000",
        ]
        try await Deployment.with(workers: 2, settings) { deployment in
            let backend = deployment.backend
            for number in 0..<20 {
                let phone = try await backend.session("user-\(number)", "iPhone")
                if number < 5 { _ = try await backend.disconnect("user-\(number)", phone) }
                if number < 3 { _ = try await backend.session("user-\(number)", "Mac") }
            }
            func check(_ workers: [PresenceProcess]) async throws {
                try await eventually(else: "the sums are not true") {
                    let figures = try await Figures.of(workers)
                    let wanted: [String: Double] = [
                        #"presence_sessions{status="Online",platform="iPhone"}"#: 15,
                        #"presence_sessions{status="PushOnline",platform="iPhone"}"#: 5,
                        #"presence_sessions{status="Online",platform="Mac"}"#: 3,
                        #"presence_sessions{status="Online",platform="other"}"#: 0,
                        #"presence_users{status="Online"}"#: 18, #"presence_users{status="PushOnline"}"#: 2,
                        "presence_shards_owned": 16, "presence_shards_counted": 16, "presence_backlog_events": 0,
                        "presence_dead_letters": 0, "presence_events_aside": 0,
                    ]
                    return wanted.allSatisfy { figures[$0] == $1 }
                }
            }
            try await check(deployment.workers)
            try await deployment.workers[0].kill()
            try await check([deployment.workers[1]])
            let figures = try await Figures.of([deployment.workers[1]])
            #expect(figures["presence_shard_takeovers_total"] == 16)
        }
    }

    @Test("promtool finds nothing to say about them, with sockets, a receiver that fails, and the compatible API")
    func promtool() async throws {
        let key = String(repeating: "k", count: 64)
        try await Deployment.with(workers: 1, ["app.id": "1400000001", "app.secret-key": key]) { deployment in
            let backend = deployment.backend
            deployment.receiver.answer { _ in 500 }
            _ = try await backend.session("alice", "Web")
            _ = try await backend.call(.post, "/v4/openim/querystate", body: "{}")
            _ = try await backend.call(.get, "/nowhere")
            try await eventually(else: "no attempt fails") {
                try await Figures.of(deployment.workers)[#"presence_callback_attempts_total{outcome="failed"}"#] ?? 0
                    > 0
            }
            let figures = try await Figures.of(deployment.workers)
            let requests = "http_server_request_duration_seconds_count"
            #expect(figures.sum(requests, #"http_route="/v4/openim/querystate""#, #"code="200""#) == 1)
            #expect(figures.sum(requests, #"http_route="unmatched""#, #"code="404""#) == 1)
            let folder = try temporaryFolder("promtool")
            defer { removeFolder(folder) }
            try figures.text.write(toFile: "\(folder)/figures", atomically: true, encoding: .utf8)
            let check = try ChildProcess(
                ["sh", "-c", "promtool check metrics < \(folder)/figures"], folder: folder, log: "promtool")
            try await eventually(else: "promtool does not end") { !check.isRunning }
            #expect(check.exitStatus == 0 && check.log.isEmpty, "\(check.log)")
        }
    }

    @Test("While Redis is away they tell what is known, and that it is away")
    func withoutRedis() async throws {
        try await Deployment.with(workers: 1) { deployment in
            let node = "127.0.0.1:\(deployment.redis.port)"
            let up = #"presence_redis_up{node="\#(node)"}"#
            _ = try await deployment.backend.session("alice", "Mac")
            try await eventually(else: "not up, or notifications are off") {
                let figures = try await Figures.of(deployment.workers)
                return figures[up] == 1 && figures["presence_ready"] == 1
                    && figures[#"presence_notifications_on{node="\#(node)"}"#] == 1
                    && figures[#"presence_users{status="Online"}"#] == 1
            }
            #expect(try await Figures.of(deployment.workers).sum("presence_redis_round_trip_seconds_count", node) > 0)
            try await deployment.redis.stop()
            try await eventually(else: "still up") {
                let figures = try await Figures.of(deployment.workers)
                return figures[up] == 0 && figures["presence_ready"] == 0
            }
            let figures = try await Figures.of(deployment.workers)
            #expect(figures[#"presence_users{status="Online"}"#] == nil)
            #expect(figures["presence_shards_counted"] == 0)
            #expect(figures.sum("presence_redis_reconnects_total", node) > 0)
            #expect(figures["presence_logins_total{platform=\"Mac\",outcome=\"accepted\"}"] == 1)
            #expect(figures["process_resident_memory_bytes"] ?? 0 > 0)
        }
    }

    @Test("Events that cannot be delivered, and what becomes of them, are figures")
    func backlog() async throws {
        try await Deployment.with(workers: 1) { deployment in
            deployment.receiver.answer { _ in 503 }
            for number in 0..<5 { _ = try await deployment.backend.session("user-\(number)", "Mac") }
            try await eventually(else: "no backlog") {
                let figures = try await Figures.of(deployment.workers)
                return figures["presence_backlog_events"] == 5 && figures["presence_backlog_age_seconds"] ?? 0 > 1
                    && figures["presence_callback_receiver_failing"] == 1
            }
            deployment.receiver.answer { _ in 200 }
            try await eventually(else: "the backlog stays") {
                let figures = try await Figures.of(deployment.workers)
                return figures["presence_backlog_events"] == 0 && figures["presence_backlog_age_seconds"] == 0
                    && figures["presence_callback_receiver_failing"] == 0
            }
        }
    }

    @Test("An outage is a grace in every shard")
    func graces() async throws {
        try await Deployment.with(workers: 1) { deployment in
            _ = try await deployment.backend.session("alice", "Mac")
            try await eventually(else: "not all shards are owned") {
                try await Figures.of(deployment.workers)["presence_shards_owned"] == 16
            }
            #expect(try await Figures.of(deployment.workers)["presence_graces_total"] == 0)
            deployment.workers[0].pause()
            // Longer than outage.gap-ms.
            let end = ContinuousClock.now + .seconds(4)
            try await eventually(else: "no time passes") { ContinuousClock.now > end }
            deployment.workers[0].resume()
            try await eventually(else: "no grace") {
                let figures = try await Figures.of(deployment.workers)
                return figures["presence_graces_total"] == 16 && figures["presence_shards_in_grace"] == 16
            }
        }
    }

    @Test("What the server turns away by itself counts with its reason, and as a request")
    func refused() async throws {
        try await Deployment.with(workers: 1, ["http.body-max-bytes": "1024"]) { deployment in
            let worker = deployment.workers[0]
            try await RawConnection.with(port: worker.port) { client in
                try await client.send("GET nonsense\r\n\r\n")
                #expect(try await client.answer()?.status == 400)
            }
            let body = String(repeating: " ", count: 2_000)
            #expect(try await deployment.backend.call(.post, "/v1/statuses", body: body).status == 413)
            let figures = try await Figures.of([worker])
            #expect(figures[#"presence_http_refused_total{reason="malformed"}"#] == 1)
            #expect(figures[#"presence_http_refused_total{reason="body_too_large"}"#] == 1)
            let requests = "http_server_request_duration_seconds_count"
            #expect(figures.sum(requests, #"method="_OTHER",http_route="unmatched""#, #"code="400""#) == 1)
            #expect(figures.sum(requests, #"http_route="/v1/statuses""#, #"code="413""#) == 1)
            #expect(figures["presence_http_connections"] ?? 0 >= 1)
        }
    }

    @Test("They need a key where the API does")
    func access() async throws {
        try await Deployment.with(workers: 1, ["auth.api-keys": "secret-key"]) { deployment in
            let stranger = Backend(deployment.workers[0])
            #expect(try await stranger.call(.get, "/metrics").status == 401)
            let answer = try await deployment.backend.call(.get, "/metrics")
            #expect(answer.status == 200)
            #expect(answer.headers["Content-Type"] == ["text/plain; version=0.0.4; charset=utf-8"])
        }
    }
}
