import Support
import Testing

extension BrowserTests {
    enum Waking: CaseIterable, CustomTestStringConvertible {
        case network
        case tab

        var testDescription: String {
            switch self {
            case .network: "the network is back"
            case .tab: "the tab is shown"
            }
        }

        func happen(to page: PresencePage) async throws {
            switch self {
            case .network: try await page.browser.reconnect(page.tab)
            case .tab:
                _ = try await page.browser.open("about:blank")
                try await page.browser.show(page.tab)
            }
        }
    }

    @Test(
        "A page that wakes up with a dead connection finds out in seconds and goes on in another: no event",
        arguments: Waking.allCases)
    func woken(by waking: Waking) async throws {
        try await Deployment.with(workers: 1, Self.patient) { deployment in
            try await FaultProxy.withProxy(to: deployment.workers[0].port) { proxy in
                let service = ["service": "ws://127.0.0.1:\(proxy.port)"]
                try await PresencePage.with(worker: deployment.workers[0].url, user: "alice", service) { page in
                    let before = try await page.event("online")
                    proxy.freeze()
                    try await waking.happen(to: page)
                    try await page.event("offline", timeout: .seconds(8))
                    let after = try await page.event("online", after: 2)
                    #expect(after["resumed"].bool == true && after["session"] == before["session"])
                    proxy.closeFrozen()
                    try await page.expectOnly(["online", "offline", "online"])
                    #expect(deployment.receiver.changes(of: "alice") == ["Login/Register"])
                    #expect(try await deployment.backend.status("alice") == "Online")
                }
            }
        }
    }

    @Test("A page that wakes up in a pause between two attempts comes back at once", arguments: Waking.allCases)
    func wokenInPause(by waking: Waking) async throws {
        try await ScriptedGateway.with { socket, heard in
            guard heard == .opened else { return }
            if socket.number == 1 { socket.close(1013, "retry-after-ms=60000") } else { socket.welcome() }
        } body: { gateway in
            try await onPage(of: gateway) { page in
                try await page.event("offline")
                try await waking.happen(to: page)
                try await page.event("online", timeout: .seconds(5))
            }
        }
    }

    @Test("A page that wakes up with a living connection asks once, and keeps it")
    func wokenAlive() async throws {
        try await ScriptedGateway.with { socket, heard in
            if heard == .opened { socket.welcome() }
        } body: { gateway in
            try await onPage(of: gateway) { page in
                try await page.event("online")
                let socket = try #require(gateway.sockets.first)
                for _ in 1...3 { try await Waking.network.happen(to: page) }
                try await eventually(else: "not asked: \(socket.heard)") { socket.count(.message("heartbeat")) > 0 }
                try await Waking.tab.happen(to: page)
                socket.send(#"{"type":"heartbeat"}"#)
                try await page.expectOnly(["online"], for: .seconds(7))
                #expect(socket.heard == [.opened, .message("heartbeat")])
            }
        }
    }

    @Test("A page that is left is Offline at once, also where the browser keeps it; shown again it is the same device")
    func kept() async throws {
        try await Deployment.with(workers: 1, Self.patient) { deployment in
            try await PresencePage.with(worker: deployment.workers[0].url, user: "alice") { page in
                let before = try await page.event("online")
                try await page.run("location = '/left'")
                try await deployment.expectChanges(of: "alice", ["Login/Register", "Disconnect/LinkClose"])
                try await page.browser.back(page.tab)
                #expect(try await page.event("offline")["code"].int == 1001)
                let after = try await page.event("online", after: 3)
                #expect(after["session"] != before["session"])
                #expect(
                    after["session"].string?.split(separator: ":")[1]
                        == before["session"].string?.split(separator: ":")[1])
                try await deployment.expectChanges(
                    of: "alice", ["Login/Register", "Disconnect/LinkClose", "Login/Register"])
            }
        }
    }

    @Test("A page that is shown again has no session to come back with: another page of its tab may have ended it")
    func keptWithoutSession() async throws {
        try await ScriptedGateway.with { socket, heard in
            if heard == .opened { socket.welcome() }
        } body: { gateway in
            try await onPage(of: gateway) { page in
                try await page.event("online")
                gateway.sockets.first?.drop()
                try await page.event("online", after: 2)
                try await page.run("location = '/left'")
                try await eventually(else: "the page stays") { gateway.sockets.allSatisfy(\.isClosed) }
                try await page.browser.back(page.tab)
                try await eventually(else: "not back") { gateway.sockets.count == 3 }
                #expect(gateway.sockets.map { $0.target.contains("session=") } == [false, true, false])
            }
        }
    }

    @Test("Of a page and the one before it that is shown again, the one that is shown is online; nobody is kicked")
    func backAndForth() async throws {
        try await Deployment.with(workers: 1, Self.patient) { deployment in
            try await PresencePage.with(worker: deployment.workers[0].url, user: "alice") { page in
                let first = try await page.event("online")
                try await page.run("location = `${location}&another`")
                try await eventually(else: "the other page is not online") {
                    try await page.events.first { $0["session"] != first["session"] }?["type"].string == "online"
                }
                try await page.expectOnly(["online"])
                try await page.browser.back(page.tab)
                try await page.event("offline")
                try await page.event("online", after: 2)
                let types = try await page.events.map { $0["type"].string ?? "" }
                #expect(types.filter { $0 != "done" } == ["online", "offline", "online"])
                try await page.expectOnly(types)
                #expect(try await deployment.backend.status("alice") == "Online")
            }
        }
    }

    /// Runs the body beside a page whose client speaks to the script.
    func onPage<Result: Sendable>(
        of gateway: ScriptedGateway, body: (PresencePage) async throws -> Result
    ) async throws -> Result {
        try await Deployment.with(workers: 1, Self.patient) { deployment in
            try await PresencePage.with(
                worker: deployment.workers[0].url, user: "alice", ["service": gateway.url], body: body)
        }
    }
}
