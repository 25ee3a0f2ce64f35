import Support

/// Every answer of Redis takes its time.
struct SlowNetwork: Nemesis {
    let name = "redis-slow"
    let needs = Needs.proxies
    let effect = Effect.outage

    func inject(_ stage: Stage, _ dice: inout SeededGenerator) async throws {
        let pause = Duration.milliseconds(Int.random(in: 20...400, using: &dice))
        for proxy in stage.proxies { proxy.delay(pause) }
    }

    func heal(_ stage: Stage) async throws { for proxy in stage.proxies { proxy.delay(.zero) } }
}

/// A worker's connections to Redis are cut, and new ones for a while.
struct CutNetwork: Nemesis {
    let name = "redis-cut"
    let needs = Needs.proxies
    let effect = Effect.takeover

    func inject(_ stage: Stage, _ dice: inout SeededGenerator) async throws {
        stage.proxies.randomElement(using: &dice)?.refuse()
    }

    func heal(_ stage: Stage) async throws { for proxy in stage.proxies { proxy.pass() } }
}

/// What a worker and Redis send each other arrives nowhere.
struct BlackHole: Nemesis {
    let name = "redis-black-hole"
    let needs = Needs.proxies
    let effect = Effect.takeover
    let holdMs = 1_000...10_000

    func inject(_ stage: Stage, _ dice: inout SeededGenerator) async throws {
        stage.proxies.randomElement(using: &dice)?.stall()
    }

    func heal(_ stage: Stage) async throws { for proxy in stage.proxies { proxy.pass() } }
}

/// Replies are dropped after the command was executed, and the connection with them.
struct LostReplies: Nemesis {
    let name = "redis-reply-lost"
    let needs = Needs.proxies
    let effect = Effect.outage
    let holdMs = 50...300
    /// What tells a login, a closed connection, a device's sessions, and any of them.
    private static let texts = ["worker=", "worker=", "LinkClose", "Android:", "Web:", "Mac:", ":"]

    func inject(_ stage: Stage, _ dice: inout SeededGenerator) async throws {
        for _ in 0..<16 {
            for proxy in stage.proxies {
                if Int.random(in: 0..<4, using: &dice) == 0 {
                    proxy.cutReplies(after: Int.random(in: 0...6, using: &dice))
                } else {
                    proxy.cutReplyOnce(whenRequestContains: Self.texts.randomElement(using: &dice) ?? "")
                }
            }
            try await Task.sleep(for: .milliseconds(Int.random(in: 50...250, using: &dice)))
        }
    }
}
