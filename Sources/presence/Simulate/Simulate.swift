import ArgumentParser
import Foundation
import PresenceClient
import UnixSignals
import UserSig

/// `presence simulate`: a crowd of real clients in one process.
struct Simulate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Connect many clients at once and watch them.",
        discussion: """
            Tells on standard error, once a second, how many are connected and how fast their heartbeats are \
            acknowledged; at the end (SIGINT, SIGTERM or --duration-ms) sums up in one line of JSON on standard output. \
            To 127.x.x.x the clients connect from many addresses of 127.0.0.0/8, so that ports do not run out.
            """)

    enum Leave: String, ExpressibleByArgument, CaseIterable {
        case close, logout
    }

    @Option(name: .customLong("url"), help: "A worker (repeatable; clients take them in turn).")
    var urls = ["ws://127.0.0.1:8080"]

    @Option(help: "Clients, each a user of its own.")
    var users = 1_000

    @Option(help: "Platforms and their parts.")
    var platformMix: PlatformMix = .standard

    @Option(help: "Percent of the clients that leave per second, half by logout, half by closing, and come anew.")
    var churn = 0.0

    @Option(help: "Connections opened per second.")
    var rate = 1_000

    @Option(help: "End after this time; without it at a signal.")
    var durationMs: Int?

    @Option(help: "Heartbeat this often instead of as the service asks.")
    var heartbeatIntervalMs: Int?

    @Option(help: "Users are <prefix>-0, <prefix>-1, ...")
    var userPrefix = "sim"

    @Option(name: .customLong("app-id"), help: "With --secret-key: clients show usersigs of this app.")
    var appID: Int?

    @Option(help: "The app's key.")
    var secretKey: String?

    @Option(help: "Clients show JWTs (HS256) with this secret.")
    var jwtSecret: String?

    @Option(help: "How clients leave at the end, \(Leave.allCases.map(\.rawValue).joined(separator: " or ")).")
    var leave = Leave.close

    func validate() throws {
        guard users > 0, rate > 0, (0...100).contains(churn), durationMs ?? 1 > 0, heartbeatIntervalMs ?? 1 > 0 else {
            throw ValidationError(
                "--users, --rate, --duration-ms and --heartbeat-interval-ms must be above 0, --churn from 0 to 100.")
        }
        guard (appID == nil) == (secretKey == nil), secretKey == nil || jwtSecret == nil else {
            throw ValidationError("Give --app-id with --secret-key, or --jwt-secret, or none of them.")
        }
    }

    func run() async throws {
        try await exitingWithSentence {
            try checkFileLimit()
            let simulation = Simulation(
                clients: try (0..<users).map(client), rate: rate, churn: churn / 100)
            await withTaskGroup { group in
                group.addTask { await simulation.run() }
                group.addTask {
                    for await _ in await UnixSignalsSequence(trapping: .sigint, .sigterm) { return }
                }
                if let durationMs {
                    group.addTask { try? await Task.sleep(for: .milliseconds(durationMs)) }
                }
                await group.next()
                group.cancelAll()
            }
            if leave == .logout { await simulation.logOutAll() }
            print(simulation.summary())
        }
    }

    private func checkFileLimit() throws(StartError) {
        let needed = users + FileLimit.reserve
        let allowed = FileLimit.raise()
        guard needed > allowed else { return }
        throw StartError(
            .unavailable,
            "\(users) clients need \(needed) open files and \(allowed) are allowed: raise the limit (ulimit -Hn), "
                + "or run several simulations with fewer --users.")
    }

    private func client(_ number: Int) throws(StartError) -> PresenceClient.Configuration {
        let user = "\(userPrefix)-\(number)"
        let url = urls[number % urls.count]
        do {
            var client = try PresenceClient.Configuration(url: url, user: user, platform: platformMix[number])
            client.heartbeatInterval = heartbeatIntervalMs.map { .milliseconds($0) }
            client.localAddress = SourceAddress.of(client: number, to: url)
            if let tokens { client.token = { try tokens.token(of: user) } }
            return client
        } catch {
            throw StartError(.usage, error.message)
        }
    }

    private var tokens: TokenIssuer? {
        if let appID, let secretKey { return .userSig(UserSigKey(sdkAppID: appID, secretKey: secretKey)) }
        return jwtSecret.map { .jwt(secret: $0) }
    }
}
