import PresenceCore
import PresenceStore
import PresenceWorker
import RedisClient
import ServiceLifecycleTestKit
import Support
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1))) struct StopTests {
    @Test("A stopping worker unregisters, then sweeps and keeps its shards until the attempts under way have ended")
    func graceful() async throws {
        try await RedisServer.withRedis { server in
            let gate = Gate()
            var paces = WorkerPaces()
            (paces.leaseMs, paces.leaseRenewAtMs, paces.ownershipRoundMs) = (3_000, 2_000, 200)
            let chosen = paces
            try await testGracefulShutdown { trigger in
                try await WorkHarness.with(
                    "a", on: server, paces: chosen,
                    options: { $0.platforms[.web].heartbeat = HeartbeatTiming(intervalMs: 300, timeoutMs: 2_000) },
                    deliver: gate.deliver,
                    body: { harness in
                        try await harness.untilOwned(by: "a")
                        _ = try await harness.loggedIn(.ann)
                        let bob = try await harness.loggedIn(.bob)
                        try await eventually(else: "no attempt") { gate.waiting == 2 }
                        let before = try await harness.leaseEnds()
                        trigger.triggerGracefulShutdown()

                        try await eventually(else: "not unregistered") {
                            try await harness.store.redis.send(
                                RedisCommand("ZCARD", key: harness.store.keys.workers)
                            ).int == 0
                        }
                        try await eventually(else: "not settled") {
                            try await harness.store.presence(of: .bob).status == .offline
                        }
                        #expect(bob.userStatus == .online)
                        try await eventually(else: "the leases are not renewed") {
                            try await zip(before, harness.leaseEnds()).allSatisfy { $1 > $0 + 3_000 }
                        }
                        #expect(try await harness.owners() == ["a"])
                        gate.open()
                        try await eventually(else: "not released") {
                            try await harness.leaseEnds().allSatisfy { $0 == 0 }
                        }
                    })
            }
            #expect(gate.waiting == 0)
        }
    }
}

extension WorkHarness {
    /// When the leases of all shards end, Redis time in milliseconds.
    fileprivate func leaseEnds() async throws -> [Int64] {
        try await store.redis.replies(
            (0..<store.keys.shards).map { RedisCommand("HGET", key: store.keys.owner($0), "until") }
        ).map { $0.int ?? -1 }
    }
}

/// A receiver that answers nobody before it is opened.
private final class Gate: Sendable {
    private let state = Mutex((isOpen: false, waiting: 0))

    var waiting: Int { state.withLock(\.waiting) }

    func open() { state.withLock { $0.isOpen = true } }

    var deliver: Deliver {
        { _ in
            self.state.withLock { $0.waiting += 1 }
            defer { self.state.withLock { $0.waiting -= 1 } }
            while !self.state.withLock(\.isOpen) { try? await Task.sleep(for: .milliseconds(10)) }
            return .delivered
        }
    }
}
