import RedisClient
import Support
import Synchronization
import Testing

@Suite("Instance limits")
struct LimitTests {
    @Test("100 concurrent logins with limit 3 over two workers: never more than 3 live, each kicked once")
    func concurrentLogins() async throws {
        let settings = ["login.limits": "Web=3", "heartbeat.browser-timeout-ms": "60000"]
        try await Deployment.with(workers: 2, settings) { deployment in
            let kicked = try await withThrowingTaskGroup(of: [String].self) { group in
                for number in 0..<100 {
                    group.addTask {
                        let answer = try await deployment.backend.login("mob", "Web", instance: "tab-\(number)")
                        #expect(answer.status == 201, "\(answer.text)")
                        return answer.body["kicked"].list.compactMap { $0["session"].string }
                    }
                }
                let loginsAreDone = Atomic(false)
                async let samples = sample(deployment, until: loginsAreDone)
                let kicked = try await group.reduce(into: []) { $0 += $1 }
                loginsAreDone.store(true, ordering: .relaxed)
                #expect(try await samples > 0, "the record was never looked at")
                return kicked
            }
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

    /// Looks at the record over and over (CRC-32 of the id modulo 16 shards is 13); returns how often.
    private func sample(_ deployment: Deployment, until done: borrowing Atomic<Bool>) async throws -> Int {
        try await deployment.redis.withClient { redis in
            var samples = 0
            while !done.load(ordering: .relaxed) {
                let fields = try await redis.send(RedisCommand("HKEYS", key: Deployment.key(13, "user:mob")))
                let live = fields.array?.filter { $0.string?.contains(":") == true }.count ?? 0
                #expect(live <= 3, "\(live) live sessions")
                samples += 1
            }
            return samples
        }
    }
}
