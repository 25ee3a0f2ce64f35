import Support
import Testing

@Suite("Restart and loss of workers with clients")
struct RollingRestartTests {
    /// Nobody falls silent, and worker A and its clients have the time a debug build takes.
    private static let settings = [
        "heartbeat.mobile-interval-ms": "20000", "heartbeat.mobile-timeout-ms": "90000", "connect.drain-ms": "2000",
    ]

    /// What is tested is how they come back, not how fast a debug build takes them in.
    private static let gently = ["--rate", "200"]

    @Test("SIGTERM and a new start of three workers in turn: 2000 clients come back and nobody noticed")
    func rollingRestart() async throws {
        try await Deployment.with(workers: 3, Self.settings) { deployment in
            try await SimulatedClients.with(
                2_000, to: deployment.workers.map(\.socketURL), Self.gently
            ) { clients in
                try await clients.areConnected(2_000, timeout: .seconds(60))
                let heard = try await deployment.loginsAreHeard(of: 2_000)
                let givenUp = clients.givenUp
                // Clients take the workers in turn: 667, 667 and 666.
                for (worker, resumed) in zip(deployment.workers, [667, 1_334, 2_000]) {
                    try await worker.stop()
                    try await worker.startAgain()
                    try await clients.areConnected(2_000, resumed: resumed, timeout: .seconds(60))
                }
                try await deployment.nothingIsHeard(since: heard, givenUp: clients.givenUp - givenUp)
                for start in stride(from: 0, to: 2_000, by: 500) {
                    let users = (start..<start + 500).map { "sim-\($0)" }
                    let statuses = try await deployment.backend.statuses(users).body["results"].list
                    #expect(statuses.map { $0["status"].string } == users.map { _ in "Online" })
                }
            }
        }
    }

    @Test("kill -9 of one of three workers: its clients are back within 30 s and nobody noticed")
    func killed() async throws {
        try await Deployment.with(workers: 3, Self.settings) { deployment in
            try await FaultProxy.withProxy(to: deployment.workers[0].port) { balancer in
                let urls = ["ws://127.0.0.1:\(balancer.port)"] + deployment.workers[1...].map(\.socketURL)
                try await SimulatedClients.with(600, to: urls, Self.gently) { clients in
                    try await clients.areConnected(600)
                    let heard = try await deployment.loginsAreHeard(of: 600)
                    let givenUp = clients.givenUp
                    try await deployment.workers[0].kill()
                    balancer.redirect(to: deployment.workers[1].port)
                    try await clients.areConnected(600, resumed: 200, timeout: .seconds(30))
                    let backend = Backend(deployment.workers[1], deployment.workers[2])
                    try await deployment.nothingIsHeard(
                        since: heard, givenUp: clients.givenUp - givenUp, backend: backend)
                }
            }
        }
    }
}
