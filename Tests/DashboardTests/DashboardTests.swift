import Foundation
import Support
import Testing

/// Each test has a chromium of its own, which takes seconds of both cores to start: one after the other.
@Suite("The dashboard in a real browser:", .serialized, .timeLimit(.minutes(10)))
struct DashboardTests {
    @Test("Without keys it opens without one; totals follow logins and logouts within 2 s, the list has them")
    func totals() async throws {
        try await Dashboard.with { dashboard in
            let page = dashboard.page
            let shown = "document.querySelector('.tile.online .value').innerText"
            try await page.until("\(shown) === '0'")
            // The page notes by itself when it shows what: how soon it is asked is not what is promised.
            try await page.value(
                """
                window.shownAt = {};
                new MutationObserver(() => { window.shownAt[\(shown)] = Date.now(); })
                  .observe(document.querySelector('.tile.online'), { childList: true, characterData: true, subtree: true });
                0
                """)
            func expectShown(_ total: Int) async throws {
                let doneMs = Int(Date.now.timeIntervalSince1970 * 1_000)
                try await page.until("\(shown) === '\(total)'")
                let afterMs = try #require(try await page.value("window.shownAt['\(total)']").int) - doneMs
                #expect(afterMs < 2_000, "\(total) was shown \(afterMs) ms after the answer")
            }
            var session = ""
            for user in ["ann", "bob", "cid"] { session = try await dashboard.backend.session(user, "Web") }
            try await expectShown(3)
            _ = try await dashboard.backend.logout("cid", session)
            try await expectShown(2)

            try await page.until("document.querySelectorAll('.live tbody tr').length === 4")
            let first = try await page.text(".live tbody tr")
            #expect(first.contains("cid") && first.contains("Logout") && first.contains("Unregister"), "\(first)")
            // The receiver has accepted all of them.
            try await page.until(
                "[...document.querySelectorAll('.live td.told')].every((cell) => cell.innerText === 'done')")
            let sums = try await page.value(
                "Object.fromEntries([...document.querySelectorAll('.legend li')].map((li) => li.innerText.split(' ')))")
            #expect(sums["Online"].string == "2", "\(sums)")
            let worker = try await page.value("document.querySelector('.columns:nth-of-type(3)').innerText").string
            #expect(worker?.contains("16 shards, each with an owner") == true, "\(worker ?? "")")
            #expect(try await dashboard.complaints() == [])
            try await page.picture("overview-light")
        }
    }

    @Test("The list shows what is asked for: a platform, a reason, a user; paused it stands still")
    func filters() async throws {
        try await Dashboard.with { dashboard in
            let (page, backend) = (dashboard.page, dashboard.backend)
            let rows =
                "[...document.querySelectorAll('.live tbody tr')].map((row) => row.querySelector('.who').innerText).join()"
            _ = try await backend.session("ann", "Web")
            try await page.until("\(rows) === 'ann'")
            try await page.value(
                """
                { const filter = document.querySelector('#filter-platform');
                  filter.append(new Option('iPhone', 'iPhone'));
                  filter.value = 'iPhone';
                  filter.dispatchEvent(new Event('change')); }
                """)
            try await dashboard.live()
            _ = try await backend.session("bob", "Web")
            _ = try await backend.session("cid", "iPhone")
            try await page.until("\(rows) === 'cid'")
            try await page.value(
                "{ const filter = document.querySelector('#filter-platform'); filter.value = ''; filter.dispatchEvent(new Event('change')); }"
            )
            try await page.type("dan", into: "#filter-user")
            try await page.press("Enter", code: 13)
            try await page.until("document.querySelector('.live-card .fact').innerText.includes('of dan')")
            try await eventually(else: "no stream of dan") {
                _ = try await backend.session("eve", "Web")
                _ = try await backend.session("dan", "Web")
                return try await page.value(rows).string?.contains("dan") == true
            }
            #expect(try await page.value(rows).string?.contains("eve") == false)
            try await page.click(".filters button")
            let before = try await page.value(rows)
            _ = try await backend.session("dan", "iPhone")
            try await page.until("/Paused; [1-9]/.test(document.querySelector('.live-card .fact').innerText)")
            #expect(try await page.value(rows) == before)
            #expect(try await dashboard.barriers() == [])
        }
    }

    @Test("A user is found by id; the timeline tells who was displaced and what was delivered late, and goes on live")
    func timeline() async throws {
        try await Dashboard.with { dashboard in
            let (page, receiver) = (dashboard.page, dashboard.deployment.receiver)
            _ = try await dashboard.backend.session("alice", "Web", instance: "tab-1")
            try await eventually(else: "not delivered") { receiver.changes(of: "alice").count == 1 }
            receiver.answer { [receiver] _ in receiver.attempts.count { $0.user == "alice" } < 4 ? 503 : 200 }
            let session = try await dashboard.backend.session("alice", "iPhone", instance: "phone-1")
            try await eventually(else: "not delivered") { receiver.changes(of: "alice").count == 2 }

            try await dashboard.search("alice")
            try await dashboard.timeline(has: "displaced Web tab-1")
            try await dashboard.timeline(has: "delivered late after 3 attempts")
            #expect(try await page.text(".why").contains("iPhone:phone-1 is Online"))
            #expect(try await page.text(".stack").contains("displaced by a login on iPhone phone-1"))
            try await page.picture("user-light")
            try await dashboard.live()
            _ = try await dashboard.backend.logout("alice", session)
            try await dashboard.timeline(has: "Logged out: iPhone phone-1")
            try await page.until("document.querySelector('.user-head .status').innerText === 'Offline'")
            #expect(try await dashboard.barriers() == [])
            #expect(try await dashboard.complaints() == [])

            try await dashboard.search("nobody-ever")
            try await page.until("document.querySelector('.user-head').innerText.includes('not on record')")
        }
    }

    @Test("A kick asks first, and for a key that may; the user is Offline, and the log has who ordered it and why")
    func kick() async throws {
        let keys = ["auth.read-keys": "read-key", "auth.operate-keys": "operate-key", "auth.write-keys": "write-key"]
        try await Dashboard.with(keys) { dashboard in
            let (page, deployment) = (dashboard.page, dashboard.deployment)
            let backend = Backend(deployment.workers[0], key: "write-key")
            _ = try await backend.session("alice", "Web")
            try await page.type("read-key", into: "#key")
            try await page.press("Enter", code: 13)
            try await dashboard.live()
            try await dashboard.search("alice")

            try await page.click("button.danger")
            #expect(try await dashboard.barriers() == [])
            try await page.press("Escape", code: 27)
            try await page.until("!document.querySelector('dialog')")
            #expect(try await Backend(deployment.workers[0], key: "read-key").status("alice") == "Online")

            try await page.click("button.danger")
            try await page.type("stolen <b>phone</b>", into: "#kick-reason")
            try await page.click("dialog button[type=submit]")
            try await page.until("document.querySelector('dialog').innerText.includes('show one that may operate')")
            #expect(try await dashboard.barriers() == [])
            try await page.picture("dialog-light")
            try await page.type("operate-key", into: "#operate-key")
            try await page.press("Enter", code: 13)
            try await page.until("document.querySelector('.result').innerText === '1 session was ended.'")
            try await dashboard.timeline(has: "stolen <b>phone</b>")
            #expect(try await Backend(deployment.workers[0], key: "read-key").status("alice") == "Offline")
            let line = try await dashboard.auditLine("kick")
            #expect(line.contains(#"actor="key 1 of auth.operate-keys""#) && line.contains("user=alice"), "\(line)")
            #expect(line.contains("stolen <b>phone</b>") && line.contains("count=1"), "\(line)")
            #expect(!deployment.workers[0].log.contains("operate-key "), "no key in the log")
        }
    }

    @Test("Dead letters are delivered once more when that is confirmed, and the log has it")
    func replay() async throws {
        try await Dashboard.with { dashboard in
            let (page, receiver) = (dashboard.page, dashboard.deployment.receiver)
            _ = try await dashboard.backend.session("dana", "Web")
            try await eventually(else: "not delivered") { receiver.changes(of: "dana").count == 1 }
            try await dashboard.killLastChange(of: "dana")
            let before = receiver.attempts.count { $0.user == "dana" }
            try await dashboard.search("dana")
            try await dashboard.timeline(has: "the receiver answered 422")
            try await page.click("[data-focus=replay]")
            #expect(try await dashboard.barriers() == [])
            try await page.click("dialog button[type=submit]")
            try await page.until("document.querySelector('.result').innerText.startsWith('1 is delivered')")
            try await eventually(else: "not replayed") { receiver.attempts.count { $0.user == "dana" } >= before + 1 }
            try await dashboard.timeline(has: "delivered late after 6 attempts")
            let line = try await dashboard.auditLine("replay")
            #expect(line.contains("user=dana") && line.contains("count=1"), "\(line)")
        }
    }

    @Test("While a master hangs the page stays live and says that it cannot be asked; it recovers when that goes on")
    func masterHangs() async throws {
        try await Dashboard.with { dashboard in
            let (page, redis) = (dashboard.page, dashboard.deployment.redis)
            _ = try await dashboard.backend.session("ann", "Android")
            try await page.until("document.querySelector('.tile.online .value').innerText === '1'")
            await redis.pause()
            try await page.until("document.querySelector('.health').innerText.includes('Redis')")
            try await page.until("document.querySelector('.tile.online .value').innerText === '–'")
            let row =
                "[...document.querySelectorAll('td, th')].find((cell) => cell.innerText.includes(':\(redis.port)'))"
            try await page.until("/cannot|not answer/.test(\(row).parentElement.innerText)")
            #expect(try await page.text("#connection") == "Live")
            #expect(try await dashboard.barriers() == [])
            await redis.resume()
            try await page.until("document.querySelector('.tile.online .value').innerText === '1'")
            try await page.until("!/cannot|not answer/.test(\(row).parentElement.innerText)")
            try await page.until("!document.querySelector('.health').innerText.includes('cannot be asked')")
            try await dashboard.live()
        }
    }

    @Test(
        "When a worker stops its stream ends, and the page goes on with another one behind the same address in one try")
    func workerStops() async throws {
        try await Dashboard.behindProxy { dashboard, proxy in
            let (page, workers) = (dashboard.page, dashboard.deployment.workers)
            try await page.until("document.body.innerText.includes('(this one)') && performance.now() > 6000")
            proxy.redirect(to: workers[1].port)
            try await workers[0].stop()
            try await dashboard.live()
            try await eventually(else: "nobody watches") {
                try await Backend(workers[1]).call(.get, "/v1/overview").body["thisWorker"]["viewers"].int == 1
            }
            let streams = await page.requests.count { $0.contains("v1/overview") }
            #expect(streams == 2)
        }
    }

    @Test("When its worker is killed the page says so, and goes on with another one behind the same address")
    func workerDies() async throws {
        try await Dashboard.behindProxy { dashboard, proxy in
            let (page, workers) = (dashboard.page, dashboard.deployment.workers)
            try await workers[0].kill()
            try await page.until("document.querySelector('#connection').innerText.startsWith('Reconnecting')")
            proxy.redirect(to: workers[1].port)
            try await dashboard.live()
            _ = try await Backend(workers[1]).session("ann", "Android")
            try await page.until("document.querySelector('.tile.online .value').innerText === '1'")
            // The other worker takes over what the dead one did.
            try await page.until(
                "document.body.innerText.includes('16 shards, each with an owner')", timeout: .seconds(60))
        }
    }
}
