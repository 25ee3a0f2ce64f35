import Foundation
import Support
import Testing
import UserSig

extension BrowserTests {
    @Test("A page that never got in logs out without displacing anybody, and does not come back")
    func loggedOutBeforeLogin() async throws {
        let settings = Self.patient.merging(["heartbeat.mobile-timeout-ms": "60000"]) { $1 }
        try await Deployment.with(workers: 1, settings) { deployment in
            _ = try await deployment.backend.session("alice", "iPhone")
            try await FaultProxy.withProxy(to: deployment.workers[0].port) { proxy in
                proxy.refuse()
                let service = ["service": "ws://127.0.0.1:\(proxy.port)"]
                try await PresencePage.with(worker: deployment.workers[0].url, user: "alice", service) { page in
                    try await page.event("offline")
                    try await page.run("presence.logout()")
                    try await page.event("done")
                    proxy.pass()
                    let events = try await page.events.map { $0["type"].string ?? "" }
                    #expect(Set(events) == ["offline", "done"])
                    try await page.expectOnly(events, for: .seconds(5))
                    #expect(deployment.receiver.changes(of: "alice") == ["Login/Register"])
                }
            }
        }
    }

    @Test("A logout without a network is rejected after a while; the page goes on, and can log out once it is back")
    func loggedOutOffline() async throws {
        try await Deployment.with(workers: 1, Self.patient) { deployment in
            try await FaultProxy.withProxy(to: deployment.workers[0].port) { proxy in
                let service = ["service": "ws://127.0.0.1:\(proxy.port)"]
                try await PresencePage.with(worker: deployment.workers[0].url, user: "alice", service) { page in
                    try await page.event("online")
                    proxy.refuse()
                    try await page.event("offline")
                    try await page.run("presence.logout()")
                    let failed = try await page.event("failed")
                    #expect(failed["reason"].string == "Error: the logout is not recorded: call again later")

                    proxy.pass()
                    try await page.event("online", after: 2)
                    #expect(try await !page.events.contains { $0["type"].string == "done" })
                    try await page.run("presence.logout()")
                    try await page.event("done")
                    #expect(try await deployment.backend.status("alice") == "Offline")
                    try await deployment.expectChanges(
                        of: "alice",
                        ["Login/Register", "Disconnect/LinkClose", "Login/Register", "Logout/Unregister"])
                }
            }
        }
    }

    @Test("A logout that is refused is rejected")
    func logoutRefused() async throws {
        let secretKey = "5bd2850fff3ecb11d7c805251c51ee463a25727bddc2385f3fa8bfee1bb93b5e"
        let app = ["app.id": "1400000000", "app.secret-key": secretKey]
        let good = UserSigKey(sdkAppID: 1_400_000_000, secretKey: secretKey)
            .issue(to: "alice", issuedAt: Int(Date().timeIntervalSince1970), lifetime: 3_600)
        try await Deployment.with(workers: 1, Self.patient.merging(app) { $1 }) { deployment in
            try await FaultProxy.withProxy(to: deployment.workers[0].port) { proxy in
                let options = [
                    "service": "ws://127.0.0.1:\(proxy.port)",
                    "token": "((tokens) => () => tokens.shift() ?? 'bad')(['\(good)'])",
                ]
                try await PresencePage.with(worker: deployment.workers[0].url, user: "alice", options) { page in
                    try await page.event("online")
                    proxy.refuse()
                    try await page.event("offline")
                    try await page.run("presence.logout()")
                    proxy.pass()
                    let failed = try await page.event("failed")
                    #expect(failed["reason"].string?.hasPrefix("Error: refused before the logout was recorded") == true)
                    #expect(try await page.event("refused")["code"].int == 4001)
                }
            }
        }
    }
}
