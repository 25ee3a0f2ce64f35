import RedisClient
import Support
import Testing

@Suite("Outage of Redis")
struct RedisOutageTests {
    /// More than seven seconds of grace for browsers, a timeout of twelve: time enough for a busy machine.
    static let browsersWithLongGrace = [
        "heartbeat.browser-interval-ms": "6000", "heartbeat.browser-timeout-ms": "12000",
    ]

    @Test("Stopped for longer than the browser timeout: who heartbeats within the grace stays Online, the dead go")
    func stoppedAndContinued() async throws {
        try await Deployment.with(workers: 2, Self.browsersWithLongGrace) { deployment in
            let backend = deployment.backend
            var alive: [(user: String, session: String)] = []
            for number in 0..<20 {
                alive.append(("alive-\(number)", try await backend.session("alive-\(number)", "Web")))
                _ = try await backend.session("dead-\(number)", "Web")
            }
            try await deployment.isSwept()
            await deployment.redis.pause()
            let end = ContinuousClock.now + .seconds(13)
            try await eventually(else: "the clock stands still") {
                let answer = try await backend.statuses(["alive-0", "dead-0"])
                #expect(answer.status == 503, "a query during the outage: \(answer.text)")
                #expect(!answer.text.contains("Offline"))
                return ContinuousClock.now > end
            }
            await deployment.redis.resume()

            try await deployment.graceHasBegun()
            let beats = alive
            for (user, _) in beats { #expect(try await backend.status(user) == "Online", "settled in the grace") }
            let renewed = try await backend.heartbeat(beats)
            #expect(renewed.body["renewed"].int == beats.count, "\(renewed.text)")

            try await eventually(timeout: .seconds(25), else: "the dead were not settled") {
                #expect(try await backend.heartbeat(beats).body["renewed"].int == beats.count)
                for (user, _) in beats { #expect(try await backend.status(user) == "Online") }
                return try await backend.status("dead-0") == "Offline"
            }
            try await eventually(else: "heard \(deployment.receiver.events.count)") {
                deployment.receiver.events.filter { $0.action == "Disconnect" }.count == 20
            }
            for number in 0..<20 {
                #expect(deployment.receiver.changes(of: "alive-\(number)") == ["Login/Register"])
                #expect(
                    deployment.receiver.changes(of: "dead-\(number)") == ["Login/Register", "Disconnect/LinkClose"])
            }
        }
    }

    @Test("SCRIPT FLUSH in a loop under load: no call fails")
    func scriptFlush() async throws {
        try await Deployment.with(workers: 2) { deployment in
            let backend = deployment.backend
            try await deployment.redis.withClient { redis in
                let flusher = Task {
                    var flushes = 0
                    while !Task.isCancelled {
                        _ = try await redis.send(RedisCommand(keyless: "SCRIPT", "FLUSH"))
                        flushes += 1
                    }
                    return flushes
                }
                try await withThrowingTaskGroup { group in
                    for user in 0..<16 {
                        group.addTask {
                            for _ in 0..<20 {
                                let session = try await backend.session("user-\(user)", "Android")
                                #expect(try await backend.disconnect("user-\(user)", session).status == 200)
                                #expect(try await backend.logout("user-\(user)", session).status == 200)
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                flusher.cancel()
                #expect(try await flusher.value > 10)
            }
        }
    }
}

extension Deployment {
    /// Waits until every shard was swept: from then on a pause of it is an outage.
    func isSwept() async throws {
        try await redis.withClient { client in
            try await eventually(else: "not all is swept") {
                let swept = try await client.replies(
                    (0..<16).map { RedisCommand("HGET", key: Self.key($0, "owner"), "swept") })
                return swept.allSatisfy { $0 != .null }
            }
        }
    }

    /// Waits until every shard has a grace period and it has been on for a second.
    func graceHasBegun() async throws {
        try await redis.withClient { client in
            try await eventually(timeout: .seconds(15), else: "no grace after an outage") {
                let left = try await client.replies((0..<16).map { RedisCommand("PTTL", key: Self.key($0, "grace")) })
                return left.allSatisfy { ($0.int ?? 0) > 0 }
            }
        }
        let end = ContinuousClock.now + .seconds(1)
        try await eventually(else: "the clock stands still") { ContinuousClock.now > end }
    }
}
