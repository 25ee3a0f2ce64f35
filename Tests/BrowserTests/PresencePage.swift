import Foundation
import HTTPServer
import NIOCore
import NIOHTTP1
import NIOPosix
import Support
import Testing

/// A web app of another origin than the service: its page uses `/client.js` and shows in its title what happened.
struct PresencePage: Sendable {
    let browser: Browser
    let tab: Browser.Tab
    private let origin: String

    /// Runs the body beside a browser with the page open, its client connected to this worker.
    /// - Parameters:
    ///   - options: beside url and platform, what the page gives the client; `token` is an expression.
    ///   - path: `sandboxed` for a page without storage.
    static func with<Result: Sendable>(
        worker url: String, user: String, _ options: [String: String] = [:], at path: String = "page",
        body: (PresencePage) async throws -> Result
    ) async throws -> Result {
        try await serving { origin in
            try await Browser.withBrowser { browser in
                var address = try #require(URLComponents(string: "\(origin)/\(path)"))
                let query = ["url": url, "user": user, "platform": "Web"].merging(options) { $1 }
                address.queryItems = query.map { URLQueryItem(name: $0, value: $1) }
                let tab = try await browser.open(try #require(address.string))
                return try await body(PresencePage(browser: browser, tab: tab, origin: origin))
            }
        }
    }

    /// The events of the client so far: `{"type": "online", "resumed": false, ...}`
    var events: [JSON] {
        get async throws {
            let title = try await browser.title(of: tab).removingPercentEncoding ?? ""
            return (try? JSON(parsing: title))?.list ?? []
        }
    }

    /// A token function by which the page shows the `socket` of its client, with its `url`, and that it is `open`.
    static let showingSockets = """
        (globalThis.WebSocket = class extends (globalThis.NativeWebSocket ??= WebSocket) {
            constructor(url) {
                super(url);
                show({ type: "socket", url });
                this.addEventListener("open", () => show({ type: "open" }));
            }
        }, () => "token")
        """

    /// Waits for an event of this type after the first so many.
    @discardableResult
    func event(_ type: String, after count: Int = 0, timeout: Duration = .seconds(20)) async throws -> JSON {
        var found: JSON?
        var seen: [JSON] = []
        try await eventually(timeout: timeout, else: "the page shows no \(type) but \(seen)") {
            seen = try await events
            found = seen.dropFirst(count).first { $0["type"].string == type }
            return found != nil
        }
        return found ?? .null
    }

    /// Has the page run this code with its client `presence`, from another tab of the same app, which hides it.
    /// It then shows `done`, or `failed` with a reason. `connect()` gives another client like the page's own, whose
    /// events are shown too, `pause(ms)` a promise.
    func run(_ code: String) async throws {
        let code = try #require(code.addingPercentEncoding(withAllowedCharacters: .alphanumerics))
        _ = try await browser.open("\(origin)/tell?\(code)")
    }

    private static func serving<Result: Sendable>(body: (String) async throws -> Result) async throws -> Result {
        let pages: [String: (html: String, policy: String)] = [
            "/page": (page, ""), "/sandboxed": (page, "sandbox allow-scripts"), "/tell": (tell, ""),
            "/left": (left, ""),
        ]
        return try await WebServer.serving { request in
            guard let page = pages[String(request.path)] else { return HTTPServerResponse(.notFound) }
            return HTTPServerResponse(
                .ok, headers: [("Content-Type", "text/html"), ("Content-Security-Policy", page.policy)],
                body: ByteBuffer(string: page.html))
        } body: { port in
            try await body("http://127.0.0.1:\(port)")
        }
    }

    private static let page = """
        <!doctype html>
        <script type="module">
        const { url, service, token, ...options } = Object.fromEntries(new URLSearchParams(location.search));
        const seen = [];
        const show = (event) => {
            seen.push(event);
            document.title = encodeURIComponent(JSON.stringify(seen));
        };
        const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
        addEventListener("unhandledrejection", ({ reason }) => show({ type: "defect", reason: `${reason}` }));

        const { PresenceClient } = await import(`${url}/client.js`);
        const connect = (others) => {
            const client = new PresenceClient({
                url: service ?? url.replace("http", "ws"), token: token && eval(token), ...options, ...others,
            });
            for (const type of ["online", "offline", "kicked", "refused"]) {
                client.addEventListener(type, ({ detail }) => show({ type, ...detail }));
            }
            return client;
        };
        let presence = connect();
        new BroadcastChannel("tell").onmessage = async ({ data }) => {
            try {
                await eval(data);
                show({ type: "done" });
            } catch (error) {
                show({ type: "failed", reason: String(error) });
            }
        };
        </script>
        """

    private static let tell = """
        <!doctype html>
        <script>new BroadcastChannel("tell").postMessage(decodeURIComponent(location.search.slice(1)));</script>
        """

    private static let left = "<!doctype html><title>another page</title>"
}
