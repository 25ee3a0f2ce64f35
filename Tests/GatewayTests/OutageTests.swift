import RedisClient
import Support
import Testing

@Suite("While Redis cannot be asked", .beside(workers: 1), .serialized)
struct OutageTests {
    @Test("Sockets stay, heartbeats are answered as not recorded, and who wants in is asked to come back")
    func heartbeats() async throws {
        let (deployment, user) = (try Deployment.ofSuite, newUser())
        try await deployment.withClient(user) { client, _ in
            try await deployment.withRedisPaused {
                client.say("heartbeat")
                let closing = try await deployment.withSocket(newUser()) {
                    try await $0.refusal("redis-unavailable", closes: 1013)
                }
                #expect(try closing.comeBackAfterMs <= 5_000)
                #expect(try await client.message() == .object(["type": .text("unrecorded")]))
                client.send(.ping("there?"))
                #expect(try await client.next()?.opcode == RawWebSocket.Frame.pong)
                #expect(try await client.message() == .object(["type": .text("unrecorded")]))
            }
            try await client.expectHeartbeat()
            try await deployment.expectChanges(of: user, "Login/Register")
        }
    }

    @Test("A client that leaves is recorded as soon as Redis is back, once")
    func leaving() async throws {
        let (deployment, user) = (try Deployment.ofSuite, newUser())
        try await deployment.withClient(user) { client, _ in
            try await deployment.withRedisPaused {
                try await client.end(reset: false)
                try await deployment.expectUnavailable()
            }
        }
        try await eventually(else: "still Online") { try await deployment.backend.status(user) == "Offline" }
        try await deployment.expectChanges(of: user, "Login/Register", "Disconnect/LinkClose")
    }

    @Test("So is one that leaves a Redis that is gone until it was started again")
    func restart() async throws {
        let durable = ["--appendonly", "yes", "--appendfsync", "always"]
        try await Deployment.with(workers: 1, redis: durable, Deployment.longTimeouts) { deployment in
            try await deployment.withClient("ann") { client, _ in
                try await deployment.redis.kill()
                try await client.end(reset: true)
                try await deployment.expectUnavailable()
            }
            try await deployment.redis.start()
            try await eventually(else: "still Online") { try await deployment.isOffline("ann") }
            try await deployment.expectChanges(of: "ann", "Login/Register", "Disconnect/LinkClose")
        }
    }

    @Test("So is one that left longer ago than its timeout")
    func leavingForLong() async throws {
        try await Deployment.with(
            workers: 1, ["heartbeat.browser-interval-ms": "4000", "heartbeat.browser-timeout-ms": "8000"]
        ) { deployment in
            try await deployment.withClient("ann", "Web") { ann, _ in
                try await deployment.withClient("bob", "Web") { bob, _ in
                    try await deployment.withRedisPaused {
                        try await ann.end(reset: false)
                        // Bob, who falls silent after she left, is given up at the end of the timeout.
                        bob.say("heartbeat")
                        #expect(try await bob.closeCode() == 4101)
                    }
                }
            }
            try await eventually(else: "still Online") { try await deployment.isOffline("ann") }
            try await deployment.expectChanges(of: "ann", "Login/Register", "Disconnect/LinkClose")
        }
    }

    @Test("A login whose answers are all lost, so that its client was put off, leaves nobody Online")
    func uncertain() async throws {
        let (deployment, user) = (try Deployment.ofSuite, newUser())
        let settings = Deployment.shortTimeouts.merging(Deployment.longTimeouts) { $1 }
            .merging(["callback.url": deployment.receiver.url]) { $1 }
        try await FaultProxy.withProxy(to: deployment.redis.port) { proxy in
            let redis = "redis://\(RedisServer.serviceCredentials)127.0.0.1:\(proxy.port)"
            try await PresenceProcess.withWorker(redis: redis, settings) { worker in
                // Redis knows the script of a login from the first one on.
                try await deployment.withClient(newUser()) { _, _ in }
                // What a login writes of its client begins so.
                try await proxy.cuttingReplies(whenRequestsContain: "worker=") {
                    try await RawWebSocket.with(port: worker.port, Deployment.target(user, "Windows")) {
                        try await $0.expectRefusal("redis-unavailable", closes: 1013)
                    }
                }
                try await eventually(else: "heard \(deployment.receiver.changes(of: user))") {
                    deployment.receiver.events(of: user).count == 2
                }
            }
        }
        try await deployment.expectChanges(of: user, "Login/Register", "Disconnect/LinkClose")
    }

    @Test("Of clients that could not be let in, new or back, Redis hears nothing afterwards: they never were")
    func neverWere() async throws {
        let redis = ["--appendonly", "yes", "--slowlog-log-slower-than", "0", "--slowlog-max-len", "100000"]
        try await Deployment.with(workers: 1, redis: redis, Deployment.longTimeouts) { deployment in
            try await deployment.withClient("ann") { ann, _ in
                try await deployment.redis.kill()
                try await withThrowingTaskGroup { group in
                    for number in 0..<100 {
                        let session = number.isMultiple(of: 2) ? "Windows:default:before" : ""
                        group.addTask {
                            try await deployment.withSocket("newcomer-\(number)", query: ["session": session]) {
                                try await $0.expectRefusal("redis-unavailable", closes: 1013)
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                try await ann.end(reset: true)
                try await deployment.expectUnavailable()
            }
            try await deployment.redis.start()
            try await eventually(else: "still Online") { try await deployment.isOffline("ann") }
            try await deployment.expectChanges(of: "ann", "Login/Register", "Disconnect/LinkClose")
            let commands = try await deployment.redis.withClient { client in
                "\(try await client.send(RedisCommand(keyless: "SLOWLOG", "GET", "-1")))"
            }
            #expect(commands.contains("lease:ann:"))
            #expect(commands.matches(of: /lease:newcomer-\d+/).count == 0)
        }
    }

    @Test("A client that comes back for its session is put off, and goes on with it afterwards: no event")
    func comingBack() async throws {
        let (deployment, user) = (try Deployment.ofSuite, newUser())
        try await deployment.withClient(user) { _, welcome in
            let query: KeyValuePairs = ["session": welcome.session]
            try await deployment.withRedisPaused {
                try await deployment.withSocket(user, query: query) {
                    try await $0.expectRefusal("redis-unavailable", closes: 1013)
                }
            }
            try await deployment.withClient(user, query: query) { client, again in
                #expect(again.resumed)
                try await client.expectHeartbeat()
                try await deployment.expectChanges(of: user, "Login/Register")
            }
        }
    }

    @Test("A logout is not lost silently: the client hears that it is not recorded, and repeats it")
    func logout() async throws {
        let (deployment, user) = (try Deployment.ofSuite, newUser())
        try await deployment.withClient(user, "Android") { client, _ in
            try await deployment.withRedisPaused {
                client.say("logout")
                let message = try await client.messageAnswer()
                #expect(message["type"].string == "error" && message["code"].string == "redis-unavailable")
            }
            client.say("logout")
            try await client.expectLoggedOut()
        }
        try await deployment.expectChanges(of: user, "Login/Register", "Logout/Unregister")
    }
}

extension Deployment {
    /// Runs the body while Redis keeps its connections and does nothing; returns when it answers again.
    fileprivate func withRedisPaused(_ body: () async throws -> Void) async throws {
        await redis.pause()
        do { try await body() } catch {
            await redis.resume()
            throw error
        }
        await redis.resume()
        try await eventually(else: "Redis does not answer") {
            try await backend.statuses(["anybody"]).status == 200
        }
    }

    /// False also while Redis does not answer yet.
    fileprivate func isOffline(_ user: String) async throws -> Bool {
        try await backend.statuses([user]).body["results"][0]["status"].string == "Offline"
    }

    /// The worker has waited for Redis in vain.
    fileprivate func expectUnavailable() async throws {
        #expect(try await backend.statuses(["anybody"]).status == 503)
    }
}
