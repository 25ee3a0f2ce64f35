import HTTPServer
import NIOHTTP1
import PresenceClient
import Support
import Synchronization
import Testing

@Suite("A client and real workers")
struct WorkerTests {
    @Test("A client is Online, heartbeats by itself, and is Offline once it has logged out")
    func life() async throws {
        try await Deployment.with(workers: 1) { deployment in
            try await WatchedClient.with(deployment.workers[0].url) { ann in
                try await ann.waitConnected()
                #expect(try await deployment.backend.status("ann") == "Online")
                try await ann.waitHeartbeats(3)
                try await ann.client.logout()
                #expect(try await deployment.backend.status("ann") == "Offline")
                try await ann.waitFinished()
                #expect(ann.events.last == .loggedOut && ann.lossCodes.isEmpty)
                try await eventually(else: "\(deployment.receiver.changes(of: "ann"))") {
                    deployment.receiver.changes(of: "ann") == ["Login/Register", "Logout/Unregister"]
                }
                try await ann.client.logout()
            }
        }
    }

    @Test(
        "A client that is closed leaves its device reachable by push, or Offline",
        arguments: [("Android", "PushOnline"), ("Windows", "Offline")])
    func close(platform: String, status: String) async throws {
        try await Deployment.with(workers: 1, ["push.retention-ms": "60000"]) { deployment in
            try await WatchedClient.with(deployment.workers[0].url, platform: platform) { ann in
                try await ann.waitConnected()
                ann.client.close()
                try await eventually(else: "never \(status)") { try await deployment.backend.status("ann") == status }
                try await ann.waitFinished()
                #expect(ann.events.last == .closed)
            }
        }
    }

    @Test("A kicked client hears by whom and does not come back")
    func kicked() async throws {
        try await Deployment.with(workers: 2) { deployment in
            try await WatchedClient.with(deployment.workers[0].url) { ann in
                try await ann.waitConnected()
                _ = try await deployment.backend.session("ann", "iPhone", instance: "pocket")
                try await ann.waitFinished()
                #expect(ann.events.last == .kicked(by: .session(platform: "iPhone", instance: "pocket")))
            }
            try await WatchedClient.with(deployment.workers[1].url, user: "bob") { bob in
                try await bob.waitConnected()
                _ = try await deployment.backend.kick("bob")
                try await bob.waitFinished()
                #expect(bob.events.last == .kicked(by: .operator(reason: nil)))
                #expect(try await deployment.backend.status("bob") == "Offline")
            }
        }
    }

    @Test("A client comes back to the session it had after its worker was killed", arguments: [true, false])
    func workerLost(isGraceful: Bool) async throws {
        try await Deployment.with(workers: 1) { deployment in
            let worker = deployment.workers[0]
            try await WatchedClient.with(worker.url) { ann in
                try await ann.waitConnected()
                if isGraceful { try await worker.stop() } else { try await worker.kill() }
                try await PresenceProcess.withWorker(
                    redis: "redis://127.0.0.1:\(deployment.redis.port)",
                    Deployment.shortTimeouts.merging(
                        ["port": "\(worker.port)", "callback.url": deployment.receiver.url], uniquingKeysWith: { $1 })
                ) { _ in
                    try await ann.waitConnected(count: 2)
                    #expect(ann.resumed == [false, true])
                    #expect(ann.lossCodes.first == (isGraceful ? 1012 : 1006))
                    let before = ann.heartbeats
                    try await ann.waitHeartbeats(before + 2)
                    // The killed worker may have left the login's event for its successor.
                    try await eventually(else: "never heard of the login") {
                        !deployment.receiver.events(of: "ann").isEmpty
                    }
                    #expect(deployment.receiver.changes(of: "ann") == ["Login/Register"])
                }
            }
        }
    }

    @Test("Over TLS, to a server whose certificate it trusts; not to another")
    func tls() async throws {
        try await Deployment.with(workers: 1) { deployment in
            try await FaultProxy.withProxy(to: deployment.workers[0].port, certificate: .localhost) { proxy in
                let url = "wss://localhost:\(proxy.port)/"
                try await WatchedClient.with(url, certificate: .localhost) { ann in
                    try await ann.waitHeartbeats(1)
                    #expect(try await deployment.backend.status("ann") == "Online")
                    try await ann.client.logout()
                }
                try await WatchedClient.with(url, user: "bob") { bob in
                    try await bob.wait(for: "refused certificate", count: 2) { event in
                        guard case .disconnected(1006, let reason, _) = event else { return false }
                        return reason.contains("CERTIFICATE_VERIFY_FAILED")
                    }
                    #expect(try await deployment.backend.status("bob") == "Offline")
                }
            }
        }
    }

    @Test("A way that falls silent is given up and taken up again; when it wakes up, its end ends no session")
    func silentWay() async throws {
        try await Deployment.with(workers: 1) { deployment in
            let worker = deployment.workers[0]
            try await WatchedClient.with(worker.url) { ann in
                try await ann.waitHeartbeats(1)
                worker.pause()
                defer { worker.resume() }
                try await ann.wait(for: "loss") { event in
                    guard case .disconnected(1006, let reason, _) = event else { return false }
                    return reason.contains("nothing heard")
                }
                worker.resume()
                try await ann.waitConnected(count: 2)
                let before = ann.heartbeats
                try await ann.waitHeartbeats(before + 2)
                #expect(ann.resumed == [false, true])
                #expect(deployment.receiver.changes(of: "ann") == ["Login/Register"])
            }
        }
    }

    @Test("Every reader of the events hears how things stand, then all of them; one that ends ends nobody else")
    func readers() async throws {
        try await Deployment.with(workers: 1) { deployment in
            try await WatchedClient.with(deployment.workers[0].url) { ann in
                try await ann.waitHeartbeats(1)
                for _ in 1...2 {
                    let first = try #require(await ann.client.events.first { _ in true })
                    #expect(first == ann.events.first)
                }
                let last = Task { await ann.client.events.reduce(nil) { $1 } }
                try await ann.client.logout()
                #expect(await last.value == .loggedOut)
                try await ann.waitFinished()
                #expect(await ann.client.events.reduce(into: []) { $0.append($1) } == [.loggedOut])
            }
        }
    }

    @Test("A token that is never given does not keep a client from asking again, nor from ending")
    func tokenNeverComes() async throws {
        let asked = Mutex((count: 0, cancelled: 0))
        let token: @Sendable () async throws -> String = {
            asked.withLock { $0.count += 1 }
            defer { asked.withLock { $0.cancelled += 1 } }
            try await Task.sleep(for: .seconds(3_600))
            return ""
        }
        try await WatchedClient.with("ws://127.0.0.1:1", token: token) { ann in
            try await eventually(else: "asked \(asked.withLock(\.count)) times") {
                asked.withLock { $0 == (2, 1) }
            }
            ann.client.close()
            try await eventually(else: "a call goes on") { asked.withLock { $0 == (2, 2) } }
        }
    }

    @Test("A client keeps its connection while the worker cannot ask its Redis")
    func redisAway() async throws {
        try await Deployment.with(workers: 1) { deployment in
            try await WatchedClient.with(deployment.workers[0].url) { ann in
                try await ann.waitHeartbeats(1)
                await deployment.redis.pause()
                // Noticed after a second, which is five heartbeat intervals.
                try await eventually(else: "the worker stays ready") {
                    try await deployment.backend.call(.get, "/health/ready").status == 503
                }
                let before = ann.heartbeats
                await deployment.redis.resume()
                try await ann.waitHeartbeats(before + 2)
                #expect(ann.lossCodes.isEmpty)
            }
        }
    }

    @Test("A token that is not accepted is a final refusal with the reason; one that is opens the way")
    func tokens() async throws {
        let settings = ["app.id": "1400000000", "app.secret-key": "secret"]
        try await Deployment.with(workers: 1, settings) { deployment in
            let url = deployment.workers[0].url
            try await WatchedClient.with(url, token: { "nonsense" }) { ann in
                try await ann.waitFinished()
                guard case .refused(4001, let message) = ann.events.last else {
                    return #expect(Bool(false), "\(ann.events)")
                }
                #expect(!message.isEmpty && ann.events.count == 1)
            }
            let output = try await PresenceProcess.command(
                [
                    "simulate", "--url", url.replacing("http", with: "ws"), "--users", "50", "--duration-ms", "1500",
                    "--app-id", "1400000000", "--secret-key", "secret",
                ])
            #expect(output.contains(#""connectedMax":50"#) && output.contains(#""errors":{}"#), "\(output)")
        }
    }

    @Test(
        "What answers in HTTP instead of WebSocket is tried again, whatever it answers, and named in the events",
        arguments: [200, 401, 403, 404, 409, 429, 503])
    func notWebSocket(status: Int) async throws {
        try await WebServer.serving { _ in
            HTTPServerResponse(HTTPResponseStatus(statusCode: status))
        } body: { port in
            try await WatchedClient.with("ws://127.0.0.1:\(port)") { ann in
                try await ann.wait(for: "HTTP status", count: 2) { event in
                    guard case .disconnected(1006, let reason, _) = event else { return false }
                    return reason.contains("HTTP \(status)")
                }
                // It never had a session.
                try await ann.client.logout()
                try await ann.waitFinished()
                #expect(ann.events.last == .loggedOut)
            }
        }
    }

    @Test("A client whose way is lost comes back at once to log out; while there is none it is told to call again")
    func logoutOffline() async throws {
        try await Deployment.with(workers: 1) { deployment in
            try await FaultProxy.withProxy(to: deployment.workers[0].port) { proxy in
                let url = "ws://127.0.0.1:\(proxy.port)"
                try await WatchedClient.with(url, heartbeatInterval: nil) { ann in
                    try await ann.waitConnected()
                    proxy.refuse()
                    try await ann.wait(for: "loss") { if case .disconnected = $0 { true } else { false } }
                    let error = await #expect(throws: PresenceClientError.self) { try await ann.client.logout() }
                    #expect(error?.code == .notRecorded && !ann.hasFinished)
                    let logout = Task { try await ann.client.logout() }
                    proxy.pass()
                    try await logout.value
                    try await ann.waitFinished()
                    #expect(ann.events.last == .loggedOut)
                    #expect(try await deployment.backend.status("ann") == "Offline")
                }
            }
        }
    }

    @Test("A token function that throws or gives no token is asked again")
    func tokenLater() async throws {
        let asked = Mutex(0)
        let token: @Sendable () async throws -> String = {
            let count = asked.withLock { count in
                count += 1
                return count
            }
            switch count {
            case 1: throw NoBackend()
            case 2: return ""
            default: return "token"
            }
        }
        try await Deployment.with(workers: 1) { deployment in
            try await WatchedClient.with(deployment.workers[0].url, token: token) { ann in
                try await ann.waitConnected()
                #expect(asked.withLock { $0 } == 3 && ann.lossCodes == [1006, 1006])
            }
        }
    }

    private struct NoBackend: Error {}
}
