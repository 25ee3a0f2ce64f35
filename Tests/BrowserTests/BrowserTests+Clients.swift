import Foundation
import Support
import Testing

extension BrowserTests {
    @Test("A client destroyed and made anew at once, as React's strict mode does it, is online; nobody is kicked")
    func remounted() async throws {
        try await Deployment.with(Self.patient) { deployment in
            try await PresencePage.with(worker: deployment.workers[0].url, user: "alice") { page in
                try await page.event("online")
                try await page.run("presence.destroy(); connect().destroy(); presence = connect()")
                try await page.event("online", after: 1)
                try await page.expectOnly(["online", "done", "online"])
                // The logout of the one that was online may come after the login of the last: then it changes nothing.
                let changes = deployment.receiver.changes(of: "alice").filter { $0 != "Logout/Unregister" }
                #expect(changes == ["Login/Register", "Login/Register"])
                try await deployment.expectOneSession(of: "alice")
            }
        }
    }

    @Test("A client destroyed on its way in does not disturb the next one", arguments: [0, 3, 10, 30])
    func destroyedWhileConnecting(afterMs pause: Int) async throws {
        try await Deployment.with(Self.patient) { deployment in
            try await PresencePage.with(worker: deployment.workers[0].url, user: "alice") { page in
                try await page.event("online")
                try await page.run(
                    """
                    (async () => {
                        presence.destroy();
                        const first = connect();
                        await pause(\(pause));
                        first.destroy();
                        first.destroy();
                        presence = connect();
                    })()
                    """)
                try await page.event("done")
                let types = try await page.untilQuiet()
                #expect(types.last == "online" && Set(types) == ["online", "done"])
                try await deployment.expectOneSession(of: "alice")
            }
        }
    }

    @Test(
        "A request of a client that was destroyed, or of a page that was left, comes late: it displaces nobody",
        arguments: ["presence.destroy(); presence = connect()", "location.reload()"])
    func late(code: String) async throws {
        let options = ["token": PresencePage.showingSockets]
        try await Deployment.with(workers: 1, Self.patient) { deployment in
            try await PresencePage.with(worker: deployment.workers[0].url, user: "alice", options) { page in
                let url = try #require(URLComponents(string: try await page.event("socket")["url"].string ?? ""))
                let session = try await page.event("online")["session"]
                try await page.run(code)
                try await eventually(else: "not online again") {
                    try await page.events.contains { $0["type"].string == "online" && $0["session"] != session }
                }
                let types = try await page.events.map { $0["type"].string ?? "" }
                // What its way kept until now.
                let request = "\(url.path)?\(url.percentEncodedQuery ?? "")"
                try await RawWebSocket.with(port: deployment.workers[0].port, request) { socket in
                    let code = try await socket.closeCode()
                    #expect(code == 4004)
                }
                try await page.expectOnly(types)
                try await deployment.expectOneSession(of: "alice")
            }
        }
    }

    @Test("The logout of one client does not end the session of the next")
    func loggedOutAndBack() async throws {
        try await Deployment.with(Self.patient) { deployment in
            try await PresencePage.with(worker: deployment.workers[0].url, user: "alice") { page in
                try await page.event("online")
                try await page.run(
                    """
                    presence.logout().then(() => show({ type: "ended" }));
                    presence = connect();
                    """)
                try await page.event("ended")
                try await page.event("online", after: 1)
                let types = try await page.untilQuiet()
                #expect(types.sorted() == ["done", "ended", "online", "online"])
                try await deployment.expectOneSession(of: "alice")
            }
        }
    }

    @Test("A client can be destroyed and logged out again and again; its end is told only as far as it is known")
    func endedTwice() async throws {
        try await Deployment.with(workers: 1, Self.patient) { deployment in
            try await PresencePage.with(worker: deployment.workers[0].url, user: "alice") { page in
                try await page.event("online")
                try await page.run("presence.logout().then(() => presence.destroy()).then(() => presence.logout())")
                try await page.event("done")
                try await page.run("presence = connect()")
                try await page.event("online", after: 2)
                try await page.run("presence.destroy(); presence.destroy(); presence.logout()")
                let failed = try await page.event("failed")
                #expect(failed["reason"].string == "Error: destroyed before the logout was recorded")
                try await deployment.expectChanges(
                    of: "alice",
                    ["Login/Register", "Logout/Unregister", "Login/Register", "Logout/Unregister"])
            }
        }
    }

    @Test(
        "A page that leaves before it is let in leaves nobody online, nor reachable by push where it was destroyed",
        arguments: [
            ("presence.destroy()", "Web", "Logout/Unregister"), ("presence.destroy()", "Android", "Logout/Unregister"),
            ("location = '/left'", "Web", "Disconnect/LinkClose"),
        ])
    func leftBeforeWelcome(code: String, platform: String, end: String) async throws {
        let settings = Self.patient.merging(["heartbeat.mobile-timeout-ms": "60000"]) { $1 }
        let options = ["token": PresencePage.showingSockets, "platform": platform]
        try await Deployment.with(workers: 1, settings) { deployment in
            let worker = deployment.workers[0]
            try await PresencePage.with(worker: worker.url, user: "alice", options) { page in
                try await page.event("online")
                try await page.run("presence.destroy()")
                try await deployment.expectChanges(of: "alice", ["Login/Register", "Logout/Unregister"])
                await deployment.redis.pause()
                let count = try await page.events.count
                try await page.run("presence = connect()")
                try await page.event("open", after: count)
                try await page.run(code)
                try await eventually(else: "the page stays") {
                    let events = try await page.events
                    return events.isEmpty || events.dropFirst(count).count { $0["type"].string == "done" } == 2
                }
                await deployment.redis.resume()
                try await deployment.expectChanges(
                    of: "alice", ["Login/Register", "Logout/Unregister", "Login/Register", end])
                #expect(try await deployment.backend.status("alice") == "Offline")
            }
        }
    }

    @Test("Clients of several users on one page do not know of each other")
    func severalUsers() async throws {
        try await Deployment.with(workers: 1, Self.patient) { deployment in
            try await PresencePage.with(worker: deployment.workers[0].url, user: "alice") { page in
                try await page.event("online")
                try await page.run("globalThis.bob = connect({ user: 'bob' })")
                try await page.event("online", after: 1)
                try await page.run("presence.destroy()")
                try await deployment.expectChanges(of: "alice", ["Login/Register", "Logout/Unregister"])
                try await deployment.expectOneSession(of: "bob")
                try await page.run("bob.destroy()")
                try await deployment.expectChanges(of: "bob", ["Login/Register", "Logout/Unregister"])
            }
        }
    }
}

extension Deployment {
    fileprivate func expectOneSession(of user: String) async throws {
        let answer = try await backend.statuses([user], detail: true).body["results"][0]
        #expect(answer["status"].string == "Online" && answer["sessions"].list.count == 1, "\(answer)")
    }
}

extension PresencePage {
    /// Waits until nothing new was told for longer than a first pause. The types of all that was.
    fileprivate func untilQuiet() async throws -> [String] {
        var seen: [String] = []
        var since = ContinuousClock.now
        try await eventually(else: "never quiet: \(seen)") {
            let types = try await events.map { $0["type"].string ?? "" }
            if types != seen { (seen, since) = (types, .now) }
            return since.duration(to: .now) > .seconds(2)
        }
        return seen
    }
}
