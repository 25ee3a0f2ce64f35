import Foundation
import PresenceClient
import Support
import Synchronization
import Testing

@Suite("Behind a proxy with its default timeouts")
struct ProxyTests {
    /// As by default, but for the shards.
    private static let settings = [
        "heartbeat.mobile-interval-ms": "120000", "heartbeat.mobile-timeout-ms": "400000",
        "heartbeat.desktop-interval-ms": "120000", "heartbeat.desktop-timeout-ms": "400000",
        "heartbeat.browser-interval-ms": "25000", "heartbeat.browser-timeout-ms": "60000",
        "push.retention-ms": "604800000", "outage.gap-ms": "15000", "connect.address-header": "X-Forwarded-For",
    ]

    @Test(
        "A phone that heartbeats every 120 s stays Online behind it, and would be cut without the server's pings",
        arguments: ReverseProxy.allCases)
    func keepalive(_ proxy: ReverseProxy) async throws {
        try await Deployment.with(workers: 1, Self.settings) { deployment in
            let silent = Self.settings.merging(["shards": "16", "connect.keepalive-ms": "0"]) { $1 }
            try await PresenceProcess.withWorker(redis: deployment.redis.url, silent) { silent in
                let configuration = try Self.readme(proxy)
                try await proxy.with(configuration, workerPort: deployment.workers[0].port) { port in
                    try await proxy.with(configuration, workerPort: silent.port) { silentPort in
                        try await expectKept(at: port, until: Phone(silentPort, "bob"), deployment)
                    }
                }
            }
        }
    }

    /// That a phone stays connected while another one, through a worker that is silent, is cut, and as long after.
    private func expectKept(at port: Int, until cut: Phone, _ deployment: Deployment) async throws {
        let phone = try await Phone(port, "ann")
        let sessions = try await deployment.backend.call(.get, "/v1/users/ann").body["sessions"]
        #expect(sessions[0]["address"].string == "127.0.0.1")
        try await eventually(timeout: .seconds(80), else: "the proxy cuts nobody") { cut.losses > 0 }
        let end = ContinuousClock.now + .seconds(15)
        try await eventually(timeout: .seconds(20), else: "time stands still") { ContinuousClock.now > end }
        #expect(phone.losses == 0)
        try await deployment.expectChanges(of: "ann", "Login/Register")
        #expect(try await deployment.backend.status("ann") == "Online")
    }

    /// The configuration the README prints for the proxy.
    private static func readme(_ proxy: ReverseProxy) throws -> String {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let readme = try String(contentsOf: root.appending(path: "README.md"), encoding: .utf8)
        let block = readme.components(separatedBy: "```\(proxy)\n").dropFirst().first
        return try #require(block?.components(separatedBy: "```").first)
    }
}

/// A phone's client that is connected, and how often it lost its connection since.
private final class Phone: Sendable {
    private let client: PresenceClient
    private let count: Mutex<Int>

    var losses: Int { count.withLock { $0 } }

    init(_ port: Int, _ user: String) async throws {
        client = PresenceClient(
            try PresenceClient.Configuration(url: "ws://127.0.0.1:\(port)", user: user, platform: "Android"))
        count = Mutex(0)
        let events = client.events
        client.start()
        var iterator = events.makeAsyncIterator()
        let first = await iterator.next()
        guard case .connected? = first else { throw NotConnected(first: first) }
        Task { [weak self] in
            for await event in events {
                if case .disconnected = event { self?.count.withLock { $0 += 1 } }
            }
        }
    }

    deinit { client.close() }

    private struct NotConnected: Error {
        let first: PresenceClient.Event?
    }
}
