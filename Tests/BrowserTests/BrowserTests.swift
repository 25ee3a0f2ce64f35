import Foundation
import NIOHTTP1
import Support
import Testing
import UserSig

/// Each test has a chromium of its own, which takes seconds of both cores to start: one after the other.
@Suite("A web page in a real browser", .serialized)
struct BrowserTests {
    /// Nobody falls silent while a test runs: who goes Offline does so for another reason.
    static let patient = ["heartbeat.browser-interval-ms": "2000", "heartbeat.browser-timeout-ms": "60000"]

    /// By the clock of the machine, which is Redis' here.
    private static func nowMs() -> Int { Int(Date().timeIntervalSince1970 * 1_000) }

    @Test("The module is served to pages of any origin, and asked for again each time")
    func module() async throws {
        try await Deployment.with(workers: 1, ["auth.api-keys": "key"]) { deployment in
            let answer = try await deployment.backend.call(.get, "/client.js")
            #expect(answer.status == 200)
            #expect(answer.headers["content-type"] == ["text/javascript"])
            #expect(answer.headers["access-control-allow-origin"] == ["*"])
            #expect(answer.headers["cache-control"] == ["no-cache"])
            #expect(answer.text.contains("export class PresenceClient"))
        }
    }

    @Test("The page comes Online; closing its tab makes it Offline within a second")
    func tabClosed() async throws {
        try await Deployment.with(Self.patient) { deployment in
            try await PresencePage.with(worker: deployment.workers[0].url, user: "alice") { page in
                #expect(try await page.event("online")["resumed"].bool == false)
                #expect(try await deployment.backend.status("alice") == "Online")
                try await page.browser.close(page.tab)
                let closedAtMs = Self.nowMs()
                try await deployment.expectChanges(of: "alice", ["Login/Register", "Disconnect/LinkClose"])
                let lost = try #require(deployment.receiver.events(of: "alice").last)
                #expect(lost.atMs - closedAtMs < 1_000)
                #expect(try await deployment.backend.status("alice") == "Offline")
            }
        }
    }

    @Test("A page outlives the browser timeout by its heartbeats; stopped it is lost after it, and then logs in anew")
    func stopped() async throws {
        let timing = ["heartbeat.browser-interval-ms": "1500", "heartbeat.browser-timeout-ms": "6000"]
        try await Deployment.with(timing) { deployment in
            try await PresencePage.with(worker: deployment.workers[0].url, user: "alice") { page in
                try await page.event("online")
                try await page.expectOnly(["online"], for: .seconds(8))
                #expect(deployment.receiver.changes(of: "alice") == ["Login/Register"])
                let pausedAtMs = Self.nowMs()
                try page.browser.pausePages()
                #expect(try await deployment.backend.status("alice") == "Online")
                try await deployment.expectChanges(of: "alice", ["Login/Register", "Disconnect/LinkClose"])
                let lost = try #require(deployment.receiver.events(of: "alice").last)
                #expect(lost.atMs - pausedAtMs > 3_000, "half of the timeout at least")
                // Its last heartbeat may have been under way.
                #expect(lost.atMs - pausedAtMs < 6_000 + 2_000 + 500, "the timeout and 2 s")
                #expect(try await deployment.backend.status("alice") == "Offline")

                try page.browser.resumePages()
                try await page.event("offline")
                #expect(try await page.event("online", after: 2)["resumed"].bool == false)
            }
        }
    }

    @Test("A page that logs out is Offline at once and does not come back", arguments: ["logout", "destroy"])
    func loggedOut(method: String) async throws {
        try await Deployment.with(Self.patient) { deployment in
            try await PresencePage.with(worker: deployment.workers[0].url, user: "alice") { page in
                try await page.event("online")
                try await page.run("presence.\(method)()")
                try await page.event("done")
                try await deployment.expectChanges(of: "alice", ["Login/Register", "Logout/Unregister"])
                try await page.expectOnly(["online", "done"])
            }
        }
    }

    @Test("A login elsewhere is shown by the page that is forced offline, and it does not come back")
    func displaced() async throws {
        try await Deployment.with(Self.patient) { deployment in
            try await PresencePage.with(worker: deployment.workers[0].url, user: "alice") { page in
                try await page.event("online")
                _ = try await Backend(deployment.workers[1]).session("alice", "iPhone", instance: "phone-1")
                let kicked = try await page.event("kicked")
                #expect(kicked["by"].string == "session")
                #expect(kicked["platform"].string == "iPhone")
                #expect(kicked["instance"].string == "phone-1")
                try await page.expectOnly(["online", "kicked"])
                #expect(deployment.receiver.changes(of: "alice") == ["Login/Register", "Login/Register"])
            }
        }
    }

    @Test("A kick of the operator is shown by the page, and it does not come back")
    func kicked() async throws {
        try await Deployment.with(Self.patient) { deployment in
            try await PresencePage.with(worker: deployment.workers[0].url, user: "alice") { page in
                try await page.event("online")
                _ = try await Backend(deployment.workers[1]).kick("alice")
                #expect(try await page.event("kicked")["by"].string == "operator")
                try await page.expectOnly(["online", "kicked"])
                #expect(deployment.receiver.changes(of: "alice") == ["Login/Register", "Logout/Kicked"])
            }
        }
    }

    @Test("A page whose worker restarts comes back as the same session: no event")
    func workerRestarted() async throws {
        try await Deployment.with(Self.patient) { deployment in
            let worker = deployment.workers[0]
            try await PresencePage.with(worker: worker.url, user: "alice") { page in
                let before = try await page.event("online")
                try await worker.stop()
                #expect(try await page.event("offline")["code"].int == 1012)
                try await worker.startAgain()
                let after = try await page.event("online", after: 2)
                #expect(after["resumed"].bool == true)
                #expect(after["session"] == before["session"])
                #expect(try await deployment.backend.status("alice") == "Online")
                #expect(deployment.receiver.changes(of: "alice") == ["Login/Register"])
            }
        }
    }

    @Test("A connection that fell silent is given up only for one that has the session: no event")
    func silent() async throws {
        let timing = ["heartbeat.browser-interval-ms": "2000", "heartbeat.browser-timeout-ms": "10000"]
        try await Deployment.with(workers: 1, timing) { deployment in
            try await FaultProxy.withProxy(to: deployment.workers[0].port) { proxy in
                let url = "http://127.0.0.1:\(proxy.port)"
                try await PresencePage.with(worker: url, user: "alice") { page in
                    let before = try await page.event("online")
                    proxy.freeze()
                    try await page.event("offline")
                    let after = try await page.event("online", after: 2)
                    #expect(after["resumed"].bool == true)
                    #expect(after["session"] == before["session"])
                    #expect(deployment.receiver.changes(of: "alice") == ["Login/Register"])
                    proxy.closeFrozen()
                }
            }
        }
    }

    @Test("A page stays on its connection while Redis is away: the server tells that it lives")
    func redisAway() async throws {
        let timing = ["heartbeat.browser-interval-ms": "2000", "heartbeat.browser-timeout-ms": "10000"]
        try await Deployment.with(workers: 1, timing) { deployment in
            try await PresencePage.with(worker: deployment.workers[0].url, user: "alice") { page in
                try await page.event("online")
                await deployment.redis.pause()
                try await page.expectOnly(["online"], for: .seconds(12))
                await deployment.redis.resume()
                // Until the worker is connected again a query is answered 503.
                try await eventually(else: "not Online") {
                    (try? await deployment.backend.status("alice")) == "Online"
                }
                #expect(deployment.receiver.changes(of: "alice") == ["Login/Register"])
            }
        }
    }

    @Test("A page with a good token gets in; one with a token of another user is refused and does not come back")
    func token() async throws {
        let secretKey = "5bd2850fff3ecb11d7c805251c51ee463a25727bddc2385f3fa8bfee1bb93b5e"
        let app = ["app.id": "1400000000", "app.secret-key": secretKey]
        let key = UserSigKey(sdkAppID: 1_400_000_000, secretKey: secretKey)
        let token = key.issue(to: "alice", issuedAt: Int(Date().timeIntervalSince1970), lifetime: 3_600)
        try await Deployment.with(Self.patient.merging(app) { $1 }) { deployment in
            let worker = deployment.workers[0].url
            try await PresencePage.with(worker: worker, user: "alice", ["token": "async () => '\(token)'"]) { page in
                _ = try await page.event("online")
            }
            try await PresencePage.with(worker: worker, user: "bob", ["token": "async () => '\(token)'"]) { page in
                let refused = try await page.event("refused")
                #expect(refused["code"].int == 4001)
                #expect(refused["detail"].string?.isEmpty == false)
                try await page.expectOnly(["refused"])
                #expect(deployment.receiver.changes(of: "bob") == [])
            }
        }
    }
}

extension Deployment {
    func expectChanges(of user: String, _ changes: [String]) async throws {
        try await eventually(else: "\(changes) but \(receiver.changes(of: user))") {
            receiver.changes(of: user).count >= changes.count
        }
        #expect(receiver.changes(of: user) == changes)
    }
}

extension PresencePage {
    /// The client has told these events, and tells no other for longer than its first pause before it comes back.
    func expectOnly(_ types: [String], for duration: Duration = .seconds(2)) async throws {
        let end = ContinuousClock.now + duration
        var seen = types
        try await eventually(timeout: duration + .seconds(10), else: "the clock stands still") {
            seen = try await events.map { $0["type"].string ?? "" }
            return seen != types || ContinuousClock.now > end
        }
        #expect(seen == types)
    }
}
