import HTTPServer
import NIOHTTP1
import Support
import Synchronization
import Testing

extension BrowserTests {
    @Test("A token function that throws, does not answer, or gives no token is asked again")
    func tokenLater() async throws {
        let answers = "[() => { throw 'no backend' }, () => new Promise(() => {}), () => {}, () => 'token']"
        let token = ["token": "((answers) => () => answers.shift()())(\(answers))"]
        try await Deployment.with(workers: 1, Self.patient) { deployment in
            try await PresencePage.with(worker: deployment.workers[0].url, user: "alice", token) { page in
                #expect(try await page.event("offline")["reason"].string == "no token: no backend")
                let late = try await page.event("offline", after: 1)
                #expect(late["reason"].string == "no token: Error: none came in time")
                let none = try await page.event("offline", after: 2)
                #expect(none["reason"].string == "no token: TypeError: the function gave none")
                try await page.event("online")
            }
        }
    }

    @Test("A url that is none of a service is an error at once, one the browser does not connect to a refusal")
    func unusableURL() async throws {
        try await Deployment.with(workers: 1, Self.patient) { deployment in
            // No WebSocket has a url with a fragment.
            let service = ["service": "ws://127.0.0.1:1/#presence"]
            try await PresencePage.with(worker: deployment.workers[0].url, user: "alice", service) { page in
                let refused = try await page.event("refused")
                #expect(refused["code"].int == 4002)
                #expect(refused["detail"].string?.contains("fragment") == true)
                try await page.expectOnly(["refused"])
                for (count, url) in ["presence.example.com", "localhost:8080", "https://localhost"].enumerated() {
                    try await page.run("new PresenceClient({ url: '\(url)', user: 'alice', platform: 'Web' })")
                    let failed = try await page.event("failed", after: 1 + count)
                    #expect(failed["reason"].string?.hasPrefix("TypeError: ") == true)
                }
            }
        }
    }

    @Test("A service that closes connections after their welcome is met with growing pauses, until one lasts")
    func hammered() async throws {
        try await Deployment.with(workers: 1, Self.patient) { deployment in
            try await FaultProxy.withProxy(to: deployment.workers[0].port) { proxy in
                let service = ["service": "ws://127.0.0.1:\(proxy.port)"]
                try await PresencePage.with(worker: deployment.workers[0].url, user: "alice", service) { page in
                    var count = 0
                    for _ in 1...3 { try await page.lose(through: proxy, after: &count) }
                    #expect(try await page.lose(through: proxy, after: &count) > 1_000, "the longest first pause")

                    try await page.event("online", after: count)
                    let types = try await page.events.map { $0["type"].string ?? "" }
                    try await page.expectOnly(types, for: .seconds(16))
                    #expect(try await page.lose(through: proxy, after: &count) <= 1_000)
                }
            }
        }
    }

    @Test("What answers in HTTP instead of WebSocket is tried again, whatever it answers: a page cannot tell")
    func notWebSocket() async throws {
        let statuses = [401, 403, 409, 429, 503]
        let asked = Mutex(0)
        try await WebServer.serving { _ in
            let count = asked.withLock { count in
                defer { count += 1 }
                return count
            }
            return HTTPServerResponse(HTTPResponseStatus(statusCode: statuses[count % statuses.count]))
        } body: { port in
            try await Deployment.with(workers: 1, Self.patient) { deployment in
                let service = ["service": "ws://127.0.0.1:\(port)"]
                try await PresencePage.with(worker: deployment.workers[0].url, user: "alice", service) { page in
                    try await eventually(else: "asked \(asked.withLock { $0 }) times") {
                        asked.withLock { $0 } > statuses.count
                    }
                    let events = try await page.events
                    #expect(events.count >= statuses.count)
                    #expect(events.allSatisfy { $0["type"].string == "offline" && $0["code"].int == 1006 })
                }
            }
        }
    }

    @Test("A page whose own timers stand still is asked for heartbeats, and keeps its connection")
    func slowedDown() async throws {
        let timing = ["heartbeat.browser-interval-ms": "1000", "heartbeat.browser-timeout-ms": "12000"]
        try await Deployment.with(workers: 1, timing) { deployment in
            // The page's own code runs before its client has a timer.
            let token = ["token": "() => { globalThis.setInterval = () => 0; return 'token' }"]
            try await PresencePage.with(worker: deployment.workers[0].url, user: "alice", token) { page in
                try await page.event("online")
                try await page.expectOnly(["online"], for: .seconds(15))
            }
        }
    }

    @Test("What was wrong once is not told as the reason of a later close")
    func oldProblem() async throws {
        try await Deployment.with(workers: 1, Self.patient) { deployment in
            await deployment.redis.pause()
            try await PresencePage.with(worker: deployment.workers[0].url, user: "alice") { page in
                #expect(try await page.event("offline", timeout: .seconds(30))["code"].int == 1013)
                await deployment.redis.resume()
                let session = try await page.event("online")["session"].string ?? ""
                _ = try await deployment.backend.logout("alice", session)
                let refused = try await page.event("refused")
                #expect(refused["code"].int == 1000)
                #expect(refused["detail"].string == "logged out")
            }
        }
    }
}

extension PresencePage {
    /// Waits for the page to be online, takes its connection away, and gives the pause before it comes back.
    @discardableResult
    fileprivate func lose(through proxy: FaultProxy, after count: inout Int) async throws -> Int {
        try await event("online", after: count)
        proxy.refuse()
        let online = try await events.dropFirst(count).firstIndex { $0["type"].string == "online" } ?? count
        let offline = try await event("offline", after: online + 1)
        count = online + 2
        proxy.pass()
        return offline["retryInMs"].int ?? 0
    }
}
