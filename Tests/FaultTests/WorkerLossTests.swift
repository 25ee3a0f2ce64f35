import Support
import Synchronization
import Testing

@Suite("Loss of a worker")
struct WorkerLossTests {
    @Test("kill -9 in the middle of delivery: the other worker delivers the rest within 12 s, once, in order per user")
    func killedWhileDelivering() async throws {
        var settings = ["callback.in-flight-max": "4", "login.policy": "multi"]
        for kind in ["mobile", "desktop", "browser"] { settings["heartbeat.\(kind)-timeout-ms"] = "400000" }
        try await Deployment.with(workers: 2, settings) { deployment in
            let receiver = deployment.receiver
            // From the 40th attempt on answers wait for the kill, so that deliveries are under way at it.
            let isKilled = Mutex(false)
            receiver.answer { _ in
                guard receiver.attempts.count > 40 else { return 200 }
                try? await eventually(else: "nobody is killed") { isKilled.withLock(\.self) }
                return 200
            }
            let backend = Backend(deployment.workers[1])
            let killedAt = try await withThrowingTaskGroup { group in
                for user in 0..<60 {
                    group.addTask {
                        for platform in ["Android", "Mac", "Web", "Linux", "iPad"] {
                            _ = try await backend.session("user-\(user)", platform)
                        }
                    }
                }
                try await eventually(else: "delivery did not begin") { receiver.attempts.count > 40 }
                try await deployment.workers[0].kill()
                isKilled.withLock { $0 = true }
                let killedAt = ContinuousClock.now
                try await group.waitForAll()
                return killedAt
            }
            try await eventually(else: "delivered \(receiver.events.count) of 300") {
                receiver.events.count == 300
            }
            #expect(ContinuousClock.now - killedAt < .seconds(12))
            for user in 0..<60 { expectOrder(receiver.events(of: "user-\(user)"), count: 5) }
        }
    }

    @Test("kill -9 of the only worker: when it is back nobody alive has gone Offline, the dead are settled")
    func allWorkersLost() async throws {
        try await Deployment.with(workers: 1, RedisOutageTests.browsersWithLongGrace) { deployment in
            let alive = try await deployment.backend.session("alive", "Web")
            _ = try await deployment.backend.session("dead", "Web")
            try await deployment.isSwept()
            try await deployment.workers[0].kill()
            let down = ContinuousClock.now + .seconds(13)
            try await eventually(else: "the clock stands still") { ContinuousClock.now > down }
            try await PresenceProcess.withWorker(
                redis: deployment.redis.url,
                Deployment.shortTimeouts.merging(RedisOutageTests.browsersWithLongGrace) { $1 }
                    .merging(["callback.url": deployment.receiver.url]) { $1 }
            ) { worker in
                let backend = Backend(worker)
                try await deployment.graceHasBegun()
                #expect(try await backend.status("alive") == "Online")
                try await eventually(timeout: .seconds(25), else: "the dead session was not settled") {
                    #expect(try await backend.heartbeat([("alive", alive)]).body["renewed"].int == 1)
                    return try await backend.status("dead") == "Offline"
                }
                #expect(try await backend.status("alive") == "Online")
                #expect(deployment.receiver.changes(of: "alive") == ["Login/Register"])
            }
        }
    }
}

/// The events of a user are complete: each names the one before.
func expectOrder(
    _ events: [CallbackReceiver.Event], count: Int, sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(events.count == count, sourceLocation: sourceLocation)
    var before = 0
    for event in events {
        #expect(event.previous == before, "\(event.user): out of order", sourceLocation: sourceLocation)
        before = event.version
    }
}
