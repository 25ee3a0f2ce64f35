import RedisClient
import Support
import Testing

@Suite("Loss of a client")
struct ClientLossTests {
    @Test("kill -9 of the app: a phone is PushOnline and a desktop or browser Offline, within a second")
    func killed() async throws {
        var settings = ["push.retention-ms": "400000"]
        for kind in ["mobile", "desktop", "browser"] { settings["heartbeat.\(kind)-timeout-ms"] = "400000" }
        try await Deployment.with(workers: 2, settings) { deployment in
            for (platform, status) in [("Android", "PushOnline"), ("Windows", "Offline"), ("Web", "Offline")] {
                try await SimulatedClients.with(
                    1, "\(platform)=1", to: [deployment.workers[0].socketURL], prefix: platform
                ) { app in
                    try await app.areConnected(1)
                    #expect(try await deployment.backend.status("\(platform)-0") == "Online")
                    try await app.kill()
                    let endedAtMs = try await deployment.redisTimeMs()
                    let receiver = deployment.receiver
                    try await eventually(else: "\(platform) stays Online") {
                        receiver.events(of: "\(platform)-0").count == 2
                    }
                    let end = receiver.events(of: "\(platform)-0")[1]
                    #expect(end.change == "Disconnect/LinkClose")
                    #expect(end.status == status)
                    #expect(end.atMs - endedAtMs < 1_000)
                    #expect(try await deployment.backend.status("\(platform)-0") == status)
                }
            }
        }
    }
}

extension Deployment {
    /// The clock all events are timed with.
    func redisTimeMs() async throws -> Int {
        try await redis.withClient { redis in
            let time = try await redis.send(RedisCommand(keyless: "TIME")).array?.compactMap { Int($0.string ?? "") }
            return (time?.first ?? 0) * 1_000 + (time?.last ?? 0) / 1_000
        }
    }
}
