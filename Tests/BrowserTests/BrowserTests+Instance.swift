import Support
import Testing

extension BrowserTests {
    private static let manyTabs = patient.merging(["login.limits": "Web=10"]) { $1 }

    @Test("A tab that is opened with a copy of the page's storage is a device of its own")
    func duplicated() async throws {
        try await Deployment.with(Self.manyTabs) { deployment in
            try await PresencePage.with(worker: deployment.workers[0].url, user: "alice") { page in
                try await page.event("online")
                try await page.run("void open(location)")
                try await page.event("done")
                try await deployment.expectChanges(of: "alice", ["Login/Register", "Login/Register"])
                try await page.expectOnly(["online", "done"])
                let alice = try await deployment.backend.statuses(["alice"], detail: true).body["results"][0]
                #expect(alice["sessions"].list.count == 2)
            }
        }
    }

    @Test("A reloaded page is the same device, once more")
    func reloaded() async throws {
        try await Deployment.with(Self.manyTabs) { deployment in
            try await PresencePage.with(worker: deployment.workers[0].url, user: "alice") { page in
                var session = try #require(try await page.event("online")["session"].string)
                for _ in 1...2 {
                    let before = session
                    try await page.run("location.reload()")
                    try await eventually(else: "the page does not come back") {
                        let online = try await page.events.first { $0["type"].string == "online" }
                        session = online?["session"].string ?? before
                        return session != before
                    }
                    #expect(session.split(separator: ":")[1] == before.split(separator: ":")[1])
                }
            }
        }
    }

    @Test("A page whose storage is blocked gets in")
    func withoutStorage() async throws {
        try await Deployment.with(workers: 1, Self.patient) { deployment in
            try await PresencePage.with(worker: deployment.workers[0].url, user: "alice", at: "sandboxed") { page in
                _ = try await page.event("online")
            }
        }
    }
}
