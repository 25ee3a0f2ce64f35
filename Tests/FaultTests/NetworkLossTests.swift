import RedisClient
import Support
import Testing

@Suite("Loss of the network")
struct NetworkLossTests {
    /// A phone gives its connection up after two silent heartbeat intervals of a second; the rest is for coming back,
    /// also on a busy machine.
    private static let timeoutMs = 12_000
    private static let secretKey = "5bd2850fff3ecb11d7c805251c51ee463a25727bddc2385f3fa8bfee1bb93b5e"

    @Test(
        "A phone whose link is cut: back within the timeout nobody notices; else PushOnline with TimeOut, then Expired")
    func linkIsCut() async throws {
        try await NetworkNamespace.withNamespace { network in
            let settings = [
                "host": network.hostAddress, "auth.api-keys": "key", "app.id": "1400000000",
                "app.secret-key": Self.secretKey, "heartbeat.mobile-timeout-ms": "\(Self.timeoutMs)",
            ]
            try await Deployment.with(workers: 1, settings) { deployment in
                try await SimulatedClients.with(
                    1, to: [deployment.workers[0].socketURL], in: network,
                    ["--app-id", "1400000000", "--secret-key", Self.secretKey]
                ) { phone in
                    try await phone.areConnected(1)
                    try await isBackInTime(phone, network, deployment)
                    try await isLost(network, deployment)
                }
            }
        }
    }

    /// The cut lasts until the phone itself has noticed.
    private func isBackInTime(
        _ phone: SimulatedClients, _ network: NetworkNamespace, _ deployment: Deployment
    ) async throws {
        try await network.cut()
        try await phone.haveLost(1)
        #expect(try await deployment.backend.status("sim-0") == "Online")
        try await network.join()
        try await phone.areConnected(1, resumed: 1)
        #expect(try await deployment.backend.status("sim-0") == "Online")
        #expect(deployment.receiver.changes(of: "sim-0") == ["Login/Register"])
    }

    private func isLost(_ network: NetworkNamespace, _ deployment: Deployment) async throws {
        let leaseEndsAtMs = try await deployment.leaseEndMs(of: "sim-0")
        try await network.cut()
        let cutAtMs = try await deployment.redisTimeMs()
        let receiver = deployment.receiver
        try await eventually(timeout: .seconds(60), else: "heard \(receiver.changes(of: "sim-0"))") {
            receiver.events(of: "sim-0").count == 3
        }
        #expect(
            receiver.changes(of: "sim-0") == ["Login/Register", "Disconnect/TimeOut", "Logout/Expired"])
        let (lost, expired) = (receiver.events(of: "sim-0")[1], receiver.events(of: "sim-0")[2])
        #expect(lost.status == "PushOnline" && expired.status == "Offline")
        // Not before the end of the last lease and of the retention; then within two seconds, on a slow machine five.
        #expect(lost.atMs >= leaseEndsAtMs && lost.atMs < cutAtMs + Self.timeoutMs + 5_000)
        #expect(expired.atMs - lost.atMs >= 3_000 && expired.atMs - lost.atMs < 3_000 + 5_000)
        #expect(try await deployment.backend.status("sim-0") == "Offline")
    }
}

extension Deployment {
    /// When the lease of a user with one session ends as yet, by Redis' clock.
    func leaseEndMs(of user: String) async throws -> Int {
        try await redis.withClient { redis in
            let keys = try await redis.send(RedisCommand(keyless: "KEYS", "presence:*:lease:\(user):*")).array ?? []
            let key = try #require(keys.first?.string, "\(user) has no lease")
            return Int(try await redis.send(RedisCommand("PEXPIRETIME", key: key)).int ?? 0)
        }
    }
}
