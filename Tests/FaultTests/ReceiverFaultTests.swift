import RedisClient
import Support
import Testing

@Suite("A failing callback receiver")
struct ReceiverFaultTests {
    @Test("Down for a minute, then back: nothing is lost and the order is kept")
    func downForAMinute() async throws {
        let port = try await FreePort.next()
        let receiver = CallbackReceiver()
        let settings = ["callback.url": "http://127.0.0.1:\(port)/callback", "heartbeat.desktop-timeout-ms": "400000"]
        try await Deployment.with(workers: 2, settings) { deployment in
            let begin = ContinuousClock.now
            for round in 0..<3 {
                for user in 0..<50 { _ = try await deployment.backend.session("user-\(user)", "Mac") }
                try await eventually(else: "the clock stands still") {
                    ContinuousClock.now - begin > .seconds(20 * (round + 1))
                }
            }
            try await receiver.listening(on: port) {
                try await eventually(else: "delivered \(receiver.events.count) of 150") {
                    receiver.events.count == 150
                }
            }
            for user in 0..<50 { expectOrder(receiver.events(of: "user-\(user)"), count: 3) }
        }
    }

    @Test("404 to everything for 15 s makes no dead letter and is told in one line; all is delivered after")
    func refusesAll() async throws {
        try await Deployment.with(workers: 1, ["heartbeat.desktop-timeout-ms": "400000"]) { deployment in
            let receiver = deployment.receiver
            receiver.answer { _ in 404 }
            let begin = ContinuousClock.now
            for user in 0..<300 { _ = try await deployment.backend.session("user-\(user)", "Mac") }
            try await eventually(else: "the clock stands still") {
                ContinuousClock.now - begin > .seconds(15)
            }
            receiver.answer { _ in 200 }
            try await eventually(else: "delivered \(receiver.events.count) of 300") {
                receiver.events.count == 300
            }
            try await deployment.redis.withClient { redis in
                let dead = try await redis.replies(
                    (0..<16).flatMap { shard in
                        ["dead", "aside"].map { RedisCommand("XLEN", key: Deployment.key(shard, $0)) }
                    })
                #expect(dead.allSatisfy { $0.int == 0 })
            }
            let log = deployment.workers[0].log.split(separator: "\n").filter { $0.contains("callback receiver") }
            #expect(log.count <= 2, "\(log)")
        }
    }

    @Test("A user whose events fail is set aside within the time promised, the user's next events behind; others go on")
    func setAside() async throws {
        var settings = ["login.policy": "multi"]
        for kind in ["mobile", "desktop", "browser"] { settings["heartbeat.\(kind)-timeout-ms"] = "400000" }
        try await Deployment.with(workers: 2, settings) { deployment in
            let receiver = deployment.receiver
            receiver.answer { $0.user == "bad" ? 400 : 200 }
            for platform in ["Android", "Mac", "Web"] { _ = try await deployment.backend.session("bad", platform) }
            var others = 0
            try await deployment.redis.withClient { redis in
                try await eventually(else: "not set aside") {
                    _ = try await deployment.backend.session("user-\(others)", "Mac")
                    others += 1
                    let aside = try await redis.replies(
                        (0..<16).map { RedisCommand("XLEN", key: Deployment.key($0, "aside")) })
                    return aside.compactMap(\.int).reduce(0, +) == 3
                }
            }
            try await eventually(else: "others wait: \(receiver.events.count) of \(others)") {
                receiver.events.count == others
            }
            #expect(Set(receiver.attempts.filter { $0.user == "bad" }.map(\.platform)) == ["Android"])
            receiver.answer { _ in 200 }
            try await eventually(else: "not tried again") {
                receiver.events(of: "bad").map(\.platform) == ["Android", "Mac", "Web"]
            }
        }
    }

    @Test("A slow or failing answer holds up only its own user")
    func heldUp() async throws {
        try await Deployment.with(workers: 1) { deployment in
            let receiver = deployment.receiver
            receiver.answer { event in event.user == "stuck" && receiver.attempts.count < 25 ? 500 : 200 }
            _ = try await deployment.backend.session("stuck", "Mac")
            for user in 0..<20 { _ = try await deployment.backend.session("user-\(user)", "Mac") }
            try await eventually(else: "others wait") {
                receiver.events.filter { $0.user != "stuck" }.count == 20
            }
            try await eventually(else: "stuck for good") {
                receiver.events(of: "stuck").count == 1
            }
        }
    }
}
