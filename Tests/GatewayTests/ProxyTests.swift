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
                let configuration = try Self.documented(proxy)
                try await proxy.with(configuration, workerPort: deployment.workers[0].port) { port in
                    try await proxy.with(configuration, workerPort: silent.port) { silentPort in
                        try await expectKept(at: port, whileCutAt: silentPort, deployment)
                    }
                }
            }
        }
    }

    /// That a phone stays connected when one that came after it, through a worker that is silent, has been cut.
    private func expectKept(at port: Int, whileCutAt silentPort: Int, _ deployment: Deployment) async throws {
        let phone = try await Phone(port, "ann")
        let cut = try await Phone(silentPort, "bob")
        let sessions = try await deployment.backend.call(.get, "/v1/users/ann").body["sessions"]
        #expect(sessions[0]["address"].string == "127.0.0.1")
        try await eventually(timeout: .seconds(80), else: "the proxy cuts nobody") { cut.losses > 0 }
        try await eventually(else: "who was cut does not come back") { cut.returns > 0 }
        #expect(phone.losses == 0)
        try await deployment.expectChanges(of: "ann", "Login/Register")
        #expect(try await deployment.backend.status("ann") == "Online")
    }

    @Test(
        "Many requests go over one connection to the worker, and the client's WebSocket then opens on that",
        arguments: ReverseProxy.allCases)
    func keptConnection(_ proxy: ReverseProxy) async throws {
        try await Deployment.with(workers: 1, Self.settings) { deployment in
            try await Relay.withRelay(to: deployment.workers[0].port) { relay in
                try await proxy.with(try Self.documented(proxy), workerPort: relay.port) { port in
                    try await Self.requestThenConnect(at: port, deployment)
                    let connections = relay.connections
                    for _ in 1...2 { try await Self.requestThenConnect(at: port, deployment) }
                    // HAProxy asks for the worker's health, too, every two seconds.
                    let healthChecksMax = proxy == .haproxy ? 10 : 0
                    #expect(relay.connections - connections <= 2 + healthChecksMax)
                }
            }
        }
    }

    /// Many requests over one connection, and then a WebSocket.
    private static func requestThenConnect(at port: Int, _ deployment: Deployment) async throws {
        try await RawWebSocket.withConnection(port: port) { client in
            for _ in 1...20 {
                client.send(Array("GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".utf8))
                #expect(try await client.response().status == 200)
            }
            client.send(RawWebSocket.upgradeRequest(Deployment.target("ann", "Web")))
            #expect(try await client.response().status == 101)
            _ = try await client.welcome()
            let ann = try await deployment.backend.call(.get, "/v1/users/ann")
            #expect(ann.body["sessions"][0]["address"].string == "127.0.0.1")
        }
    }

    /// The configuration the documentation prints for the proxy.
    private static func documented(_ proxy: ReverseProxy) throws -> String {
        try DocumentationPage.named("BehindAProxy").block("\(proxy)").text + "\n"
    }
}

/// A phone's client that is connected, and how often it lost its connection and came back since.
private final class Phone: Sendable {
    private let client: PresenceClient
    private let counts = Mutex((losses: 0, returns: 0))

    var losses: Int { counts.withLock(\.losses) }
    var returns: Int { counts.withLock(\.returns) }

    init(_ port: Int, _ user: String) async throws {
        client = PresenceClient(
            try PresenceClient.Configuration(url: "ws://127.0.0.1:\(port)", user: user, platform: "Android"))
        let events = client.events
        client.start()
        var iterator = events.makeAsyncIterator()
        let first = await iterator.next()
        guard case .connected? = first else { throw NotConnected(first: first) }
        Task { [weak self] in
            for await event in events {
                switch event {
                case .disconnected: self?.counts.withLock { $0.losses += 1 }
                case .connected: self?.counts.withLock { $0.returns += 1 }
                default: break
                }
            }
        }
    }

    deinit { client.close() }

    private struct NotConnected: Error {
        let first: PresenceClient.Event?
    }
}
