import PresenceCore
import Support
import Testing

@testable import PresenceStore

@Suite struct ConcurrencyTests {
    private static let loginCount = 100
    private static let limit = 3

    /// Logs one user in from many devices at once, half of them through another worker with a client of its own.
    private func logIn(
        _ onLimit: OnLimit, _ check: (PresenceStore, _ answers: [LoginAnswer]) async throws -> Void
    ) async throws {
        var options = StoreOptions(worker: "a")
        options.limits = LoginLimits(policy: .multi, onLimit: onLimit, instances: [.web: Self.limit])
        try await RedisServer.withRedis { server in
            try await server.withClient { redis in
                try await server.withClient { other in
                    let keys = KeySpace(prefix: "test", shards: 2)
                    let one = PresenceStore(redis: redis, keys: keys, options: options)
                    let two = one.asWorker("b", on: other)
                    let answers = try await withThrowingTaskGroup(of: LoginAnswer.self) { group in
                        for number in 0..<Self.loginCount {
                            let store = number.isMultiple(of: 2) ? one : two
                            group.addTask {
                                try await store.login(.ann, platform: .web, instance: InstanceID("\(number)"))
                            }
                        }
                        var answers: [LoginAnswer] = []
                        while let answer = try await group.next() {
                            answers.append(answer)
                            #expect(try await one.presence(.ann).sessions.count <= Self.limit)
                        }
                        return answers
                    }
                    try await check(one, answers)
                }
            }
        }
    }

    @Test("Of a hundred logins at once, each session is live or in exactly one list of kicked ones")
    func kick() async throws {
        try await logIn(.kick) { store, answers in
            let accepted = answers.compactMap { answer in
                if case .accepted(let login) = answer { login } else { nil }
            }
            #expect(accepted.count == Self.loginCount)
            let live = try await store.statuses(.ann).keys
            #expect(live.count == Self.limit)
            let kicked = accepted.flatMap(\.kicked)
            #expect(kicked.count == Self.loginCount - Self.limit)
            #expect(Set(kicked).union(live) == Set(accepted.map(\.session)))
        }
    }

    @Test("The events of a hundred logins at once tell of no moment with more sessions than allowed")
    func events() async throws {
        try await logIn(.kick) { store, answers in
            var live: Set<SessionID> = []
            var version = 0
            for change in try await store.changes(.ann) {
                #expect(change.previous == version)
                #expect(change.version > version)
                version = change.version
                #expect(live.isSuperset(of: change.kicked))
                live.subtract(change.kicked)
                live.insert(change.session)
                #expect(live.count <= Self.limit)
            }
            #expect(live == Set(try await store.statuses(.ann).keys))
        }
    }

    @Test("Under reject, a hundred logins at once fill the limit and nothing else")
    func reject() async throws {
        try await logIn(.reject) { store, answers in
            let refusals = answers.compactMap { answer in
                if case .rejected(let inTheWay) = answer { inTheWay } else { nil }
            }
            #expect(refusals.count == Self.loginCount - Self.limit)
            let changes = try await store.changes(.ann)
            #expect(changes.count == Self.limit)
            #expect(refusals.allSatisfy { $0.count == 1 })
        }
    }
}
