import NIOHTTP1
import Support
import Testing

/// What callers hear while one master of a cluster does not answer.
@Suite(.timeLimit(.minutes(2))) struct DeadMasterTests {
    @Test("Users of a master that does not answer are named, the others are answered; readiness says which it is")
    func named() async throws {
        try await RedisCluster.withCluster(nodeTimeoutMs: 60_000) { cluster in
            try await PresenceProcess.withWorker(redis: cluster.serviceURL, ["shards": "16", "login.policy": "multi"]) {
                worker in
                let backend = Backend(worker)
                let users = (0..<40).map { "user-\($0)" }
                var beats: [(user: String, session: String)] = []
                for user in users { beats.append((user, try await backend.session(user, "Mac"))) }
                // Commands ask the one that has presence:meta how the users are split.
                let asked = try await cluster.owner(ofKey: "presence:meta")
                let node = try #require(cluster.nodes.first { $0 !== asked })
                await node.pause()

                let statuses = try await backend.statuses(users + ["\u{7}"])
                #expect(statuses.status == 200)
                let errors = statuses.body["errors"].list
                let named = errors.filter { $0["code"].string == "redis-unavailable" }.compactMap { $0["user"].string }
                #expect(errors.count == named.count + 1 && !named.isEmpty && named.count < users.count)
                let answered = statuses.body["results"].list.compactMap { $0["user"].string }
                #expect(answered == users.filter { !named.contains($0) })

                let renewed = try await backend.heartbeat(beats)
                #expect(renewed.status == 200)
                #expect(renewed.body["renewed"].int == answered.count)
                #expect(renewed.body["gone"].list.isEmpty)
                #expect(renewed.body["errors"].list.compactMap { $0["user"].string } == named)

                for answer in [
                    try await backend.statuses(named),
                    try await backend.heartbeat(beats.filter { named.contains($0.user) }),
                    try await backend.call(.get, "/v1/stats"), try await backend.login(named[0], "Web"),
                ] {
                    #expect(answer.status == 503)
                    #expect(answer.body["code"].string == "redis-unavailable")
                    #expect(answer.headers.first(name: "Retry-After") != nil)
                }
                #expect(try await backend.login(answered[0], "Web").status == 201)

                try await eventually(else: "not told") {
                    let ready = try await backend.call(.get, "/health/ready")
                    #expect(ready.status == 200)
                    let note = "Redis master \(node.address) cannot be reached: its users get 503."
                    let notes = ready.body["notes"].list.compactMap(\.string)
                    return notes.first == note && notes.dropFirst().contains { $0.contains("cannot be swept: Redis") }
                }
                let query = try await PresenceProcess.end(
                    of: ["query", "--redis-url", cluster.serviceURL, answered[1], named[0]])
                #expect(query.status != 0)
                #expect(query.output.contains("\(answered[1])  Online since"))
                #expect(query.output.contains("\(named[0])  Redis cannot be asked right now; try again."))

                await node.resume()
                try await eventually(else: "not served again") {
                    try await backend.heartbeat(beats).body["renewed"].int == beats.count
                }
            }
        }
    }
}
