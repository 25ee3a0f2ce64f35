import RedisClient
import Support
import Testing

@Suite("A real Prometheus that scrapes two workers")
struct FigureTests {
    /// Only browsers fall silent within a test, and a worker that dies makes no outage.
    static let settings = [
        "login.policy": "multi", "heartbeat.mobile-timeout-ms": "400000", "heartbeat.desktop-timeout-ms": "400000",
        "push.retention-ms": "604800000",
    ]

    @Test("Its queries give the right numbers after known traffic, also when shards move and when a worker dies")
    func numbers() async throws {
        try await Deployment.with(workers: 2, Self.settings) { deployment in
            try await PrometheusServer.withServer(scraping: deployment.workers) { prometheus in
                try await Self.makeTraffic(deployment)
                for (query, expected) in Self.states + Self.counts {
                    try await prometheus.expect(query, expected)
                }
                // Repeats are allowed, and told truthfully.
                let heard = deployment.receiver
                try await eventually(else: "attempts are not as many as the receiver heard") {
                    try await prometheus.value("sum(presence_callback_attempts_total)")
                        == Double(heard.attempts.count)
                }
                #expect(heard.events.count == 20)

                try await deployment.workers[0].kill()
                try await prometheus.expect("count(presence_ready)", 1)
                for (query, expected) in Self.states {
                    try await prometheus.expect(query, expected, timeout: .seconds(30))
                }
                try await deployment.workers[0].startAgain()
                // It has a share of the shards again, whose figures the other no longer tells.
                try await prometheus.expect("count(presence_shards_owned > 0)", 2, timeout: .seconds(30))
                for (query, expected) in Self.states { try await prometheus.expect(query, expected) }
            }
        }
    }

    /// 13 logins; of the sessions 3 Macs, 2 iPhones and one PushOnline are left.
    private static func makeTraffic(_ deployment: Deployment) async throws {
        let backend = deployment.backend
        func logIn(_ count: Int, _ platform: String) async throws -> [(user: String, session: String)] {
            var sessions: [(user: String, session: String)] = []
            for number in 0..<count {
                let user = "\(platform)-\(number)"
                sessions.append((user, try await backend.session(user, platform)))
            }
            return sessions
        }
        let macs = try await logIn(5, "Mac")
        let phones = try await logIn(3, "iPhone")
        _ = try await logIn(4, "Web")
        for _ in 0..<2 { _ = try await backend.heartbeat(macs) }
        _ = try await backend.session(macs[0].user, "Mac", instance: "another")
        _ = try await backend.heartbeat([macs[0]])
        _ = try await backend.disconnect(phones[0].user, phones[0].session)
        _ = try await backend.logout(macs[1].user, macs[1].session)
        _ = try await backend.kick(macs[2].user)
        for _ in 0..<3 { _ = try await backend.statuses([macs[3].user, "nobody"]) }
        _ = try await backend.call(.get, "/nowhere")
        try await eventually(else: "the browsers are not settled, or not told") {
            deployment.receiver.events.count == 20
        }
    }

    /// What is so after the traffic, whichever workers there are.
    private static let states: [(String, Double)] = [
        (#"sum(presence_sessions{status="Online", platform="Mac"})"#, 3),
        (#"sum(presence_sessions{status="Online", platform="iPhone"})"#, 2),
        (#"sum(presence_sessions{status="PushOnline", platform="iPhone"})"#, 1),
        (#"sum(presence_sessions{platform="Web"})"#, 0),
        ("sum(presence_sessions)", 6),
        (#"sum(presence_users{status="Online"})"#, 5),
        (#"sum(presence_users{status="PushOnline"})"#, 1),
        ("sum(presence_shards_owned)", 16),
        ("sum(presence_shards_counted)", 16),
        ("max(presence_shards)", 16),
        ("sum(presence_backlog_events)", 0),
        ("sum(presence_users_aside) + sum(presence_events_aside) + sum(presence_dead_letters)", 0),
        ("count(count by (digest) (presence_rules_info))", 1),
        (#"count(presence_rules_info{adopted="no"}) or vector(0)"#, 0),
    ]

    /// What happened, at both workers together.
    private static let counts: [(String, Double)] = [
        (#"sum(presence_logins_total{outcome="accepted"})"#, 13),
        (#"sum(presence_logins_total{outcome="accepted", platform="Mac"})"#, 6),
        (#"sum(presence_logins_total{outcome!="accepted"})"#, 0),
        (#"sum(presence_heartbeats_total{outcome="renewed", via="http"})"#, 10),
        (#"sum(presence_heartbeats_total{outcome="gone"})"#, 1),
        (#"sum(presence_transitions_total{action="Login", reason="Register"})"#, 13),
        (#"sum(presence_transitions_total{action="Logout", reason="Unregister"})"#, 1),
        (#"sum(presence_transitions_total{action="Logout", reason="Kicked", platform="Mac"})"#, 1),
        (#"sum(presence_transitions_total{action="Disconnect", reason="LinkClose", platform="iPhone"})"#, 1),
        (#"sum(presence_transitions_total{action="Disconnect", reason="LinkClose", platform="Web"})"#, 4),
        ("sum(presence_transitions_total)", 20),
        (#"sum(presence_kicked_sessions_total{by="login"})"#, 1),
        (#"sum(presence_kicked_sessions_total{by="call"})"#, 1),
        ("sum(presence_settlement_lag_seconds_count)", 4),
        (#"sum(presence_callback_attempts_total{outcome="accepted"})"#, 20),
        ("sum(presence_callback_first_attempt_delay_seconds_count)", 20),
        (requests("/v1/sessions", 201), 13),
        (requests("/v1/heartbeats", 200), 3),
        (requests("/v1/statuses", 200), 3),
        (requests("/v1/users/{user}/kick", 200), 1),
        (requests("unmatched", 404), 1),
        ("count(presence_ready == 1)", 2),
        ("min(presence_redis_up)", 1),
    ]

    private static func requests(_ route: String, _ status: Int) -> String {
        """
        sum(http_server_request_duration_seconds_count{http_route="\(route)", http_response_status_code="\(status)"})
        """
    }
}

extension PrometheusServer {
    /// Waits until a query of one figure gives this number.
    func expect(_ query: String, _ number: Double, timeout: Duration = .seconds(10)) async throws {
        var last: Double?
        do {
            try await eventually(timeout: timeout, else: "") {
                last = try await value(query)
                return last == number
            }
        } catch is TimedOut {
            Issue.record("\(query) is \(last.map { "\($0)" } ?? "not one figure"), not \(number)")
        }
    }
}
