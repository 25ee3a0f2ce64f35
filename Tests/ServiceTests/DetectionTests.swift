import RedisClient
import Support
import Testing

@Suite("Detection of silent sessions")
struct DetectionTests {
    private static let userWithoutConfig = ["--user", "worker", "on", ">secret", "~*", "&*", "+@all", "-config"]

    @Test("Without notifications, beside 100 000 other TTL keys, a silent session is settled within its timeout + 2 s")
    func withoutNotifications() async throws {
        try await Deployment.with(
            workers: 1, redis: ["--notify-keyspace-events", ""] + Self.userWithoutConfig,
            credentials: "worker:secret@"
        ) { deployment in
            try await deployment.redis.withClient { redis in
                for batch in 0..<100 {
                    _ = try await redis.replies(
                        (0..<1_000).map { RedisCommand("SET", key: "other:\(batch):\($0)", "1", "EX", "86400") })
                }
                let setting = try await redis.send(RedisCommand(keyless: "CONFIG", "GET", "notify-keyspace-events"))
                #expect(setting.array?.last?.string == "", "notifications must stay off")
            }
            let backend = deployment.backend
            let login = ContinuousClock.now
            _ = try await backend.session("silent", "Web")
            let session = try await backend.session("talking", "Web")
            try await eventually(timeout: .seconds(6), else: "the silent session was not settled in time") {
                _ = try await backend.heartbeat([("talking", session)])
                return try await backend.status("silent") == "Offline"
            }
            let took = ContinuousClock.now - login
            #expect(took >= .seconds(4) && took <= .seconds(6), "took \(took)")
            #expect(try await backend.status("talking") == "Online")
            try await eventually(timeout: .seconds(1), else: "the change was not delivered") {
                deployment.receiver.changes(of: "silent").last == "Disconnect/LinkClose"
            }
        }
    }

    @Test("With notifications switched on by the service a silent session is settled at its timeout")
    func withNotifications() async throws {
        try await Deployment.with(workers: 1) { deployment in
            try await deployment.redis.withClient { redis in
                try await eventually(else: "notifications were not switched on") {
                    let value = try await redis.send(RedisCommand(keyless: "CONFIG", "GET", "notify-keyspace-events"))
                    let flags = value.array?.last?.string ?? ""
                    return flags.contains("K") && flags.contains("x") && flags.contains("t")
                }
            }
            try await eventually(else: "the canary was not heard") {
                deployment.workers[0].log.contains("notifications_ok=true")
            }
            let login = ContinuousClock.now
            _ = try await deployment.backend.session("silent", "Web")
            try await eventually(timeout: .seconds(6), else: "not settled") {
                try await deployment.backend.status("silent") == "Offline"
            }
            #expect(ContinuousClock.now - login >= .milliseconds(3_900))
        }
    }

    @Test("Flags that are already set stay set when the service adds its own")
    func keepsFlags() async throws {
        let flags = ["--notify-keyspace-events", "Eg"]
        try await Deployment.with(workers: 1, redis: flags, credentials: "") { deployment in
            try await deployment.redis.withClient { redis in
                try await eventually(else: "notifications were not switched on") {
                    let value = try await redis.send(RedisCommand(keyless: "CONFIG", "GET", "notify-keyspace-events"))
                    return Set(value.array?.last?.string ?? "") == Set("KEgxt")
                }
            }
        }
    }

    @Test(
        "With the defaults a lease lives 400 s, for browsers 60 s, and PushOnline 7 days",
        arguments: [("Android", 400_000), ("Windows", 400_000), ("Web", 60_000), ("MiniProgram", 60_000)])
    func defaults(platform: String, timeout: Int) async throws {
        try await RedisServer.withRedis { redis in
            try await PresenceProcess.withWorker(redis: redis.url) { worker in
                let backend = Backend(worker)
                let session = try await backend.session("dot", platform)
                try await redis.withClient { client in
                    let keys = try await client.send(RedisCommand(keyless: "KEYS", "presence:{*}:lease:dot:\(session)"))
                    let lease = try #require(keys.array?.first?.string)
                    let left = try #require(try await client.send(RedisCommand("PTTL", key: lease)).int)
                    #expect((Int64(timeout) - 5_000...Int64(timeout)).contains(left))
                    guard platform == "Android" else { return }
                    _ = try await backend.disconnect("dot", session)
                    let push = lease.replacing(":lease:", with: ":push:")
                    let retention = try #require(try await client.send(RedisCommand("PTTL", key: push)).int)
                    #expect((604_795_000...604_800_000).contains(retention))
                }
            }
        }
    }
}
