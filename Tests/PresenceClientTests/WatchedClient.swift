import NIOSSL
import PresenceClient
import Support
import Synchronization

/// A client whose events are written down.
final class WatchedClient: Sendable {
    let client: PresenceClient
    private let log = Mutex((events: [PresenceClient.Event](), hasFinished: false))

    var events: [PresenceClient.Event] { log.withLock(\.events) }
    var hasFinished: Bool { log.withLock(\.hasFinished) }

    private init(_ configuration: PresenceClient.Configuration) {
        client = PresenceClient(configuration)
    }

    /// Runs the body beside a client of this user, which comes back within a quarter of a second.
    static func with<Result: Sendable>(
        _ url: String, user: String = "ann", platform: String = "Web", instance: String? = nil,
        token: (@Sendable () async throws -> String)? = nil, certificate: TestCertificate? = nil,
        heartbeatInterval: Duration? = .milliseconds(200), body: (WatchedClient) async throws -> Result
    ) async throws -> Result {
        var configuration = try PresenceClient.Configuration(
            url: url.replacing("http://", with: "ws://"), user: user, platform: platform)
        configuration.instance = instance
        configuration.token = token
        configuration.tls = try certificate?.clientContext
        configuration.pauseMin = .milliseconds(50)
        configuration.pauseMax = .milliseconds(250)
        configuration.heartbeatInterval = heartbeatInterval
        let watched = WatchedClient(configuration)
        let events = watched.client.events
        watched.client.start()
        return try await withThrowingTaskGroup { group in
            group.addTask {
                for await event in events { watched.log.withLock { $0.events.append(event) } }
                watched.log.withLock { $0.hasFinished = true }
            }
            defer {
                watched.client.close()
                group.cancelAll()
            }
            return try await body(watched)
        }
    }

    /// Waits until so many events of a kind have come.
    func wait(for kind: String, count: Int = 1, _ matches: @escaping (PresenceClient.Event) -> Bool) async throws {
        try await eventually(else: "no \(kind) among \(events)") {
            events.count(where: matches) >= count
        }
    }

    func waitConnected(count: Int = 1) async throws {
        try await wait(for: "connected", count: count) { if case .connected = $0 { true } else { false } }
    }

    func waitHeartbeats(_ count: Int) async throws {
        try await wait(for: "heartbeat", count: count) { if case .heartbeat = $0 { true } else { false } }
    }

    func waitFinished() async throws {
        try await eventually(else: "not finished: \(events)") { hasFinished }
    }

    /// Whether each welcome resumed the session.
    var resumed: [Bool] { events.compactMap { if case .connected(_, let resumed) = $0 { resumed } else { nil } } }
    var heartbeats: Int { events.count { if case .heartbeat = $0 { true } else { false } } }
    var lossCodes: [UInt16] {
        events.compactMap { if case .disconnected(let code, _, _) = $0 { code } else { nil } }
    }
}
