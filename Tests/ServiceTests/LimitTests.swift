import RedisClient
import Support
import Testing

@Suite("Instance limits")
struct LimitTests {
    @Test("100 concurrent logins with limit 3 over two workers: never more than 3 live, each kicked once")
    func concurrentLogins() async throws {
        let settings = ["login.limits": "Web=3", "heartbeat.browser-timeout-ms": "60000"]
        try await Deployment.with(workers: 2, settings) { deployment in
            var (kicked, versions): ([String], Set<String>) = ([], [])
            try await deployment.redis.withClient { redis in
                try await withThrowingTaskGroup { group in
                    for number in 0..<100 {
                        group.addTask {
                            let answer = try await deployment.backend.login("mob", "Web", instance: "tab-\(number)")
                            #expect(answer.status == 201, "\(answer.text)")
                            let kicked = answer.body["kicked"].list.compactMap { $0["session"].string }
                            // A look in the midst of the others' logins, and two more.
                            var versions: Set<String> = []
                            for _ in 0..<3 { versions.insert(try await look(at: redis)) }
                            return (kicked: kicked, versions: versions)
                        }
                    }
                    for try await login in group {
                        kicked += login.kicked
                        versions.formUnion(login.versions)
                    }
                }
            }
            #expect(versions.count >= 12, "300 looks showed only \(versions.count) versions of the record")
            #expect(kicked.count == 97 && Set(kicked).count == 97, "each kicked session is in exactly one answer")
            let user = try await deployment.backend.call(.get, "/v1/users/mob")
            let live = user.body["sessions"].list.compactMap { $0["session"].string }
            #expect(live.count == 3 && Set(live).isDisjoint(with: kicked))

            let receiver = deployment.receiver
            try await eventually(else: "heard \(receiver.events.count) logins") { receiver.events.count == 100 }
            #expect(receiver.events.flatMap(\.kicked).count == 97, "each is in exactly one KickedDevice")
            #expect(receiver.events.allSatisfy { $0.change == "Login/Register" })
        }
    }

    /// Looks at the record (CRC-32 of the id modulo 16 shards is 13), which must be right at any time; returns the
    /// devices in it.
    private func look(at redis: RedisClient) async throws -> String {
        let answer = try await redis.send(RedisCommand("HGETALL", key: Deployment.key(13, "user:mob")))
        let parts = (answer.array ?? []).map { $0.string ?? "" }
        let fields = stride(from: 0, to: parts.count, by: 2).map { (parts[$0], parts[$0 + 1]) }
        let record = Dictionary(uniqueKeysWithValues: fields)
        let live = record.keys.count { $0.contains(":") }
        #expect(live <= 3, "\(live) live sessions")
        return record.keys.sorted().joined(separator: " ")
    }
}
