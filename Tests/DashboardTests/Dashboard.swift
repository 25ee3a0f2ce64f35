import Foundation
import RedisClient
import Support
import Testing

/// The dashboard of a worker, open in a browser.
struct Dashboard: Sendable {
    let deployment: Deployment
    let browser: Browser
    let page: BrowserPage
    let url: String

    var backend: Backend { deployment.backend }

    /// Runs the body beside a service whose dashboard is open, and live.
    static func with(
        workers: Int = 1, _ settings: [String: String] = [:], width: Int = 1_280, isDark: Bool = false,
        body: (Dashboard) async throws -> Void
    ) async throws {
        try await Deployment.with(workers: workers, patient.merging(settings) { $1 }) { deployment in
            try await Browser.withBrowser { browser in
                try await browser.withPage(width: width, isDark: isDark) { page in
                    let url = "\(deployment.workers[0].url)/dashboard"
                    let dashboard = Dashboard(deployment: deployment, browser: browser, page: page, url: url)
                    try await page.command("Page.addScriptToEvaluateOnNewDocument", try Self.watchingScript())
                    try await page.open(url)
                    if settings["auth.api-keys"] == nil, settings["auth.read-keys"] == nil {
                        try await dashboard.live()
                    }
                    try await body(dashboard)
                }
            }
        }
    }

    /// The same of two workers behind one address, which leads to the first until it is redirected.
    static func behindProxy(body: (Dashboard, FaultProxy) async throws -> Void) async throws {
        try await Deployment.with(workers: 2) { deployment in
            try await FaultProxy.withProxy(to: deployment.workers[0].port) { proxy in
                try await Browser.withBrowser { browser in
                    try await browser.withPage { page in
                        let url = "http://127.0.0.1:\(proxy.port)/dashboard"
                        let dashboard = Dashboard(deployment: deployment, browser: browser, page: page, url: url)
                        try await page.open(url)
                        try await dashboard.live()
                        try await body(dashboard, proxy)
                    }
                }
            }
        }
    }

    /// Nobody is lost by the way.
    private static let patient = [
        "heartbeat.browser-timeout-ms": "60000", "heartbeat.mobile-timeout-ms": "60000",
        "heartbeat.desktop-timeout-ms": "60000",
    ]

    /// The page notes what its policy forbade.
    private static func watchingScript() throws -> String {
        let source = """
            globalThis.violations = [];
            addEventListener("securitypolicyviolation", (event) => violations.push(`${event.violatedDirective} ${event.blockedURI}`));
            """
        return try Backend.json(["source": source])
    }

    func live() async throws { try await page.until("document.querySelector('#connection').innerText === 'Live'") }

    /// Opens a user's page as its user would, by the field for that.
    func search(_ user: String) async throws {
        try await page.type(user, into: "#search-user")
        try await page.press("Enter", code: 13)
        let quoted = try Backend.json([user]).dropFirst().dropLast()
        try await page.until("document.querySelector('h1')?.textContent === \(quoted)")
    }

    func timeline(has text: String) async throws {
        let quoted = try Backend.json([text]).dropFirst().dropLast()
        try await page.until("document.querySelector('.timeline')?.innerText.includes(\(quoted))")
    }

    /// What the browser forbade or could not do, but for streams that broke.
    func complaints() async throws -> [String] {
        try await page.value("violations").strings + page.complaints.filter { !$0.contains("/v1/") }
    }

    func isTooWide() async throws -> Bool {
        try await page.value("document.documentElement.scrollWidth > innerWidth").bool ?? true
    }

    /// What axe finds wrong with the page as it is.
    func barriers() async throws -> [String] {
        if try await page.value("Boolean(globalThis.axe)").bool != true {
            // Through the protocol, not through the policy of the page.
            try await page.value(Self.axe())
        }
        return try await page.value(
            """
            axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) => violations.map(({ id, nodes }) =>
                `${id}: ${nodes.slice(0, 3).map(({ target, failureSummary }) => `${target} ${failureSummary}`).join(" | ")}`))
            """
        ).strings
    }

    private static func axe() throws -> String {
        let libraries = Repository.root.appending(path: ".build/python/lib")
        let versions = try FileManager.default.contentsOfDirectory(atPath: libraries.path)
        let version = try #require(versions.first { $0.hasPrefix("python3") })
        return try String(
            contentsOf: libraries.appending(path: "\(version)/site-packages/axe_playwright_python/axe.min.js"),
            encoding: .utf8)
    }

    /// The fields of the line an operator's action left.
    func auditLine(_ action: String) async throws -> Substring {
        var line: Substring?
        try await eventually(else: "no audit line of \(action)") {
            line = deployment.workers[0].log.split(separator: "\n").last {
                $0.contains("audit") && $0.contains("action=\(action)")
            }
            return line != nil
        }
        return line ?? ""
    }

    /// Makes the user's last change a dead letter, as if the receiver had refused it for long.
    func killLastChange(of user: String) async throws {
        try await deployment.redis.withClient { redis in
            for shard in 0..<16 {
                let reply = try await redis.send(
                    RedisCommand("XREVRANGE", key: Deployment.key(shard, "events"), "+", "-", "COUNT", "100"))
                for entry in reply.array ?? [] {
                    guard let position = entry.array?.first?.string, let fields = entry.array?.last?.array,
                        fields.contains(.string(user))
                    else { continue }
                    let letter =
                        ["refused", "the receiver answered 422", "position", position] + fields.compactMap(\.string)
                    _ = try await redis.send(
                        RedisCommand("XADD", key: Deployment.key(shard, "dead"), ["*"] + letter + ["attempts", "5"]))
                    return
                }
            }
            throw TimedOut(description: "no change of \(user)")
        }
    }
}
