import Foundation
import NIOHTTP1
import Support
import Testing

// What the page is, whatever it shows.
extension DashboardTests {
    @Test("A key is asked for, refused when it is wrong or may not read, kept in memory only, and gone at a reload")
    func keys() async throws {
        try await Dashboard.with(["auth.api-keys": "right-key", "auth.write-keys": "write-key"]) { dashboard in
            let page = dashboard.page
            try await page.until("document.activeElement.id === 'key'")
            #expect(try await page.text("h1") == "Key needed")
            #expect(try await dashboard.barriers() == [])
            #expect(try await !page.value("document.body.innerText.includes('Users online')").bool!)
            for (key, complaint) in [
                ("wrong-key", "does not know this key"), ("write-key", "may not read"),
                ("schlüssel", "no letters outside"),
            ] {
                try await page.type(key, into: "#key")
                try await page.press("Enter", code: 13)
                try await page.until("document.querySelector('[role=alert]')?.innerText.includes('\(complaint)')")
                #expect(try await dashboard.barriers() == [])
                try await page.value("document.querySelector('#key').value = ''")
            }
            try await page.type("right-key", into: "#key")
            try await page.press("Enter", code: 13)
            try await dashboard.live()
            try await page.until("document.querySelector('.tile.online .value').innerText === '0'")
            let kept = try await page.value("localStorage.length + sessionStorage.length + document.cookie.length")
            #expect(kept.int == 0)
            #expect(await page.requests.allSatisfy { !$0.contains("right-key") })
            try await page.command("Page.reload")
            try await page.until("document.activeElement.id === 'key' && !document.querySelector('.tiles')")
        }
    }

    @Test(
        "On 320 pixels, light or dark, nothing has to be scrolled sideways, and axe finds nothing",
        arguments: [false, true])
    func phone(isDark: Bool) async throws {
        try await Dashboard.with(width: 320, isDark: isDark) { dashboard in
            let (page, name) = (dashboard.page, isDark ? "phone-dark" : "phone-light")
            for user in [
                "ann", "a-user-whose-id-is-as-long-as-one-may-be-and-has-no-place-where-it-can-be-broken-into-lines",
            ] {
                _ = try await dashboard.backend.session(user, "Android", instance: "device-of-this-user-1234567890")
            }
            try await page.until("document.querySelectorAll('.live tbody tr').length === 2")
            #expect(try await !dashboard.isTooWide())
            #expect(try await dashboard.barriers() == [])
            try await page.picture("overview-\(name)")
            try await dashboard.search("ann")
            try await dashboard.timeline(has: "Login on Android")
            #expect(try await !dashboard.isTooWide())
            #expect(try await dashboard.barriers() == [])
            try await page.picture("user-\(name)")
            try await page.click("button.danger")
            #expect(try await !dashboard.isTooWide())
            #expect(try await dashboard.barriers() == [])
            try await page.press("Escape", code: 27)
            try await dashboard.search(
                "a-user-whose-id-is-as-long-as-one-may-be-and-has-no-place-where-it-can-be-broken-into-lines")
            try await dashboard.timeline(has: "Login on Android")
            #expect(try await !dashboard.isTooWide())
        }
    }

    @Test("Dark where the system is, with enough contrast; tables that are unfolded too")
    func dark() async throws {
        try await Dashboard.with(isDark: true) { dashboard in
            let page = dashboard.page
            _ = try await dashboard.backend.session("ann", "Web")
            try await page.until("document.querySelectorAll('.live tbody tr').length === 1")
            try await page.click(".chart summary")
            let ground = try await page.value("getComputedStyle(document.documentElement).backgroundColor").string ?? ""
            let parts = ground.split { !$0.isNumber }.compactMap { Int($0) }
            #expect(parts.count == 3 && parts.allSatisfy { $0 < 40 }, "\(ground)")
            #expect(try await dashboard.barriers() == [])
            try await page.picture("overview-dark")
            try await dashboard.search("ann")
            try await dashboard.timeline(has: "Login on Web")
            try await page.click(".story summary")
            #expect(try await dashboard.barriers() == [])
            try await page.picture("user-dark")
        }
    }

    @Test("While it is hidden nothing is asked; visible again it goes on")
    func hidden() async throws {
        try await Dashboard.with { dashboard in
            let (page, backend) = (dashboard.page, dashboard.backend)
            @Sendable func viewers() async throws -> Int? {
                try await backend.call(.get, "/v1/overview").body["thisWorker"]["viewers"].int
            }
            try await eventually(else: "nobody watches") { try await viewers() == 1 }
            let cover = try await dashboard.browser.open("about:blank")
            try await page.until("document.hidden")
            try await eventually(else: "somebody watches") { try await viewers() == 0 }
            try await page.until("document.querySelector('#connection').innerText === 'Paused while hidden'")
            let asked = await page.requests.count
            let end = ContinuousClock.now + .seconds(4)
            try await eventually(else: "the clock stands still") {
                _ = try await page.value("1")
                return ContinuousClock.now > end
            }
            #expect(await page.requests.count == asked)
            #expect(try await viewers() == 0)
            try await dashboard.browser.close(cover)
            try await page.show()
            try await dashboard.live()
            try await eventually(else: "nobody watches again") { try await viewers() == 1 }
        }
    }

    @Test("Ids are text, whatever they hold: nothing of them runs, is loaded, or leads elsewhere")
    func hostile() async throws {
        let users = [
            "<img src=x onerror=\"globalThis.hacked=1\">", "\"><script>globalThis.hacked=1</script>", "../../metrics",
            "a/b?c#d", "%2e%2e", "\u{202E}txt.exe", "javascript:globalThis.hacked=1", "' onclick='globalThis.hacked=1",
            "${hacked=1}",
        ]
        try await Dashboard.with { dashboard in
            let page = dashboard.page
            for user in users { _ = try await dashboard.backend.session(user, "Web") }
            try await page.until("document.querySelectorAll('.live tbody tr').length === \(users.count)")
            let shown = try await page.value(
                "[...document.querySelectorAll('.live tbody .who')].map((cell) => cell.textContent)")
            #expect(Set(shown.strings) == Set(users))
            for user in users {
                try await dashboard.search(user)
                try await dashboard.timeline(has: "Login on Web")
            }
            for user in [".", ".."] {
                _ = try await dashboard.backend.session(user, "Web")
                try await dashboard.search(user)
                try await page.until("document.querySelector('.story').innerText.includes('use presence inspect')")
            }
            #expect(try await page.value("typeof hacked").string == "undefined")
            #expect(
                try await page.value("document.querySelectorAll('main img, main script, main iframe').length").int == 0)
            #expect(try await dashboard.complaints() == [])
        }
    }

    @Test("All of it is reached by keyboard, first a way past the head; what has the focus is seen")
    func keyboard() async throws {
        try await Dashboard.with { dashboard in
            let page = dashboard.page
            var reached: [String] = []
            for _ in 0..<14 {
                try await page.press("Tab", code: 9)
                let place = try await page.value(
                    """
                    { const { activeElement: element } = document;
                      const style = getComputedStyle(element);
                      ({ name: element.id || element.getAttribute('aria-label') || element.innerText.trim(),
                         isSeen: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0 }) }
                    """)
                reached.append(place["name"].string ?? "")
                #expect(place["isSeen"].bool == true, "\(place)")
                if reached.last == "List of live changes" { break }
            }
            #expect(reached.first == "skip")
            for name in ["Presence", "search-user", "Open", "filter-user", "filter-platform", "filter-reason", "Pause"]
            {
                #expect(reached.contains(name), "\(name) among \(reached)")
            }
        }
    }

    @Test(
        "The files are open, of their type, and forbid all that is not their own",
        arguments: ["", "/main.js", "/style.css"])
    func headers(path: String) async throws {
        try await Deployment.with(workers: 1, ["auth.api-keys": "key"]) { deployment in
            let answer = try await Backend(deployment.workers[0]).call(.get, "/dashboard\(path)")
            #expect(answer.status == 200)
            let policy = answer.headers["content-security-policy"].first ?? ""
            #expect(policy.hasPrefix("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'"))
            #expect(!policy.contains("unsafe"))
            #expect(answer.headers["x-content-type-options"] == ["nosniff"])
            let types = ["": "text/html", "/main.js": "text/javascript", "/style.css": "text/css"]
            #expect(answer.headers["content-type"].first == "\(types[path] ?? ""); charset=utf-8")
            let missing = try await Backend(deployment.workers[0]).call(.get, "/dashboard/other.js")
            #expect(missing.status == 404)
        }
    }
}
