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
                try await eventually(timeout: .seconds(30), else: "the clock stands still") {
                    ContinuousClock.now - begin > .seconds(20 * (round + 1))
                }
            }
            try await receiver.listening(on: port) {
                try await eventually(timeout: .seconds(30), else: "delivered \(receiver.events.count) of 150") {
                    receiver.events.count == 150
                }
            }
            for user in 0..<50 { expectOrder(receiver.events(of: "user-\(user)"), count: 3) }
        }
    }

    @Test("An event answered 400 goes to the dead letters, and can be replayed; the others go on, also the same user's")
    func refused() async throws {
        var settings = ["login.policy": "multi"]
        for kind in ["mobile", "desktop", "browser"] { settings["heartbeat.\(kind)-timeout-ms"] = "400000" }
        try await Deployment.with(workers: 2, settings) { deployment in
            let receiver = deployment.receiver
            receiver.answer { $0.platform == "Mac" && $0.user == "picky" ? 400 : 200 }
            for platform in ["Android", "Mac", "Web"] { _ = try await deployment.backend.session("picky", platform) }
            for user in 0..<20 { _ = try await deployment.backend.session("user-\(user)", "Mac") }
            try await eventually(timeout: .seconds(20), else: "delivered \(receiver.events.count) of 22") {
                receiver.events.count == 22
            }
            #expect(receiver.events(of: "picky").map(\.platform) == ["Android", "Web"])
            let refused = receiver.attempts.filter { $0.user == "picky" && $0.platform == "Mac" }
            #expect(refused.count >= 3 && Set(refused.map(\.id)).count == 1, "tried a few times, always the same id")

            try await deployment.redis.withClient { redis in
                try await eventually(else: "no dead letter") {
                    let dead = try await redis.pipeline(
                        (0..<16).map { RedisCommand("XRANGE", key: Deployment.key($0, "dead"), "-", "+") })
                    let letters = dead.flatMap { $0.array ?? [] }
                    guard letters.count == 1 else { return false }
                    let fields = letters[0].array?.last?.array?.compactMap(\.string) ?? []
                    #expect(fields.contains("picky") && fields.contains(refused[0].id))
                    return true
                }
            }

            receiver.answer { _ in 200 }
            let replay = try await PresenceProcess.command(["replay", "--redis-url", deployment.redis.url])
            #expect(replay == "1 dead letters are delivered once more\n")
            try await eventually(else: "not replayed") { receiver.events(of: "picky").count == 3 }
            #expect(receiver.events(of: "picky")[2].id == refused[0].id)
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
            try await eventually(timeout: .seconds(30), else: "stuck for good") {
                receiver.events(of: "stuck").count == 1
            }
        }
    }
}
