import RedisClient
import Support
import Testing

@Suite struct WorkerPermissionTests {
    @Test(
        "A worker whose Redis user lacks a permission does not start, and names the rule to add",
        arguments: ["+xadd", "+evalsha", "+script|load", "+info", "+zscan", "~presence:*"])
    func start(rule: String) async throws {
        try await RedisServer.withRedis { server in
            try await server.withClient { redis in
                let opposite = rule == "~presence:*" ? "resetkeys" : "-\(rule.dropFirst())"
                let order = RedisCommand(keyless: "ACL", "SETUSER", "presence", opposite)
                _ = try await redis.send(order)
            }
            let folder = try temporaryFolder("forbidden")
            defer { removeFolder(folder) }
            let child = try ChildProcess(
                [PresenceProcess.binary, "serve", "--port", "0", "--redis-url", server.serviceURL], folder: folder,
                log: "log")
            try await eventually(else: "it does not end: \(child.log)") { !child.isRunning }
            #expect(child.exitStatus == 78, "\(child.log)")
            #expect(child.log.contains("dd \(rule) "), "\(child.log)")
        }
    }

    @Test(
        "A permission that goes missing is named by calls, by the log and by readiness, and all is well once it is back"
    )
    func goesMissing() async throws {
        try await Deployment.with(workers: 1) { deployment in
            let backend = deployment.backend
            func order(_ rule: String) async throws {
                try await deployment.redis.withClient { redis in
                    _ = try await redis.send(RedisCommand(keyless: "ACL", "SETUSER", "presence", rule))
                }
            }
            try await eventually(else: "never ready") { try await backend.call(.get, "/health/ready").status == 200 }
            try await order("-xadd")
            let refused = try await backend.login("ann", "Web")
            #expect(refused.status == 503)
            #expect(refused.text.contains("Add +xadd to its ACL"), "\(refused.text)")
            #expect(try await backend.call(.get, "/v1/users/ann").body["version"].int == 0)
            try await eventually(timeout: .seconds(60), else: "readiness does not tell") {
                let ready = try await backend.call(.get, "/health/ready")
                return ready.status == 503 && ready.text.contains("add +xadd to its ACL")
            }
            try await eventually(else: "the log does not tell") {
                deployment.workers[0].log.contains("add +xadd to its ACL")
            }
            try await order("+xadd")
            try await eventually(timeout: .seconds(60), else: "not ready again") {
                try await backend.call(.get, "/health/ready").status == 200
            }
            _ = try await backend.session("ann", "Web")
        }
    }

    @Test("A user who may not switch notifications on is told that they may be on all the same, and of no rule to add")
    func withoutConfig() async throws {
        try await Deployment.with(workers: 1) { deployment in
            try await eventually(else: "it is not told: \(deployment.workers[0].log)") {
                deployment.workers[0].log.contains("Whether keyspace notifications are on is left to Redis")
            }
            try await eventually(else: "they are not heard") {
                deployment.workers[0].log.contains("notifications_ok=true")
            }
            let log = deployment.workers[0].log
            #expect(log.matches(of: /(?i)add \+config/).isEmpty, "\(log)")
        }
    }

    @Test("A user without pub/sub is told that everything is noticed later, once, and serves")
    func withoutHints() async throws {
        let mute = ["--user", "mute", "on", ">secret", "~*", "+@all", "resetchannels"]
        try await Deployment.with(workers: 1, redis: mute, credentials: "mute:secret@") { deployment in
            let log = deployment.workers[0].log
            #expect(log.contains("&presence:* &__keyspace@0__:presence:* +publish +subscribe +unsubscribe"), "\(log)")
            _ = try await deployment.backend.session("ann", "Web")
        }
    }
}
