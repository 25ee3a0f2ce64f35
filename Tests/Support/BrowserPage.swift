import Foundation

/// A tab driven over the devtools protocol, for as long as it is attached to: what it is told it looks like lasts so long.
package actor BrowserPage {
    private let browser: Browser
    private let tools: RawWebSocket
    private var lastNumber = 0
    /// What the page complained of: errors of scripts, of the policy, of the network.
    package private(set) var complaints: [String] = []
    /// Requests so far, `GET http://...`.
    package private(set) var requests: [String] = []
    package nonisolated let tab: Browser.Tab

    fileprivate init(_ tools: RawWebSocket, _ browser: Browser, _ tab: Browser.Tab) {
        self.tools = tools
        self.browser = browser
        self.tab = tab
    }

    /// Sends a command of the protocol and gives its result.
    /// - Parameter parameters: in JSON.
    @discardableResult
    package func command(_ method: String, _ parameters: String = "{}") async throws -> JSON {
        lastNumber += 1
        tools.send(.text(#"{"id":\#(lastNumber),"method":"\#(method)","params":\#(parameters)}"#))
        while true {
            let message = try await tools.message()
            guard message["id"].int == lastNumber else {
                heard(message)
                continue
            }
            guard message["error"] == .null else { throw TimedOut(description: "\(method): \(message["error"])") }
            return message["result"]
        }
    }

    private func heard(_ event: JSON) {
        let parameters = event["params"]
        switch event["method"].string {
        case "Log.entryAdded":
            let entry = parameters["entry"]
            guard entry["level"].string == "error" else { return }
            complaints.append(
                "\(entry["source"].string ?? ""): \(entry["text"].string ?? "") \(entry["url"].string ?? "")")
        case "Runtime.exceptionThrown": complaints.append("\(parameters["exceptionDetails"])")
        case "Runtime.consoleAPICalled" where parameters["type"].string == "error":
            complaints.append("\(parameters["args"])")
        case "Network.requestWillBeSent":
            let request = parameters["request"]
            requests.append("\(request["method"].string ?? "") \(request["url"].string ?? "")")
        default: break
        }
    }

    /// Runs an expression in the page, and waits for a promise; what it gives has to have a form in JSON.
    @discardableResult
    package func value(_ expression: String) async throws -> JSON {
        let text = try Backend.json([expression]).dropFirst().dropLast()
        let result = try await command(
            "Runtime.evaluate", #"{"expression":\#(text),"awaitPromise":true,"returnByValue":true}"#)
        guard result["exceptionDetails"] == .null else {
            throw TimedOut(description: "\(expression.prefix(200)): \(result["exceptionDetails"])")
        }
        return result["result"]["value"]
    }

    package func text(_ selector: String) async throws -> String {
        try await value("document.querySelector(`\(selector)`)?.innerText ?? ''").string ?? ""
    }

    /// Waits until an expression is true in the page.
    package func until(_ condition: String, timeout: Duration = .seconds(30)) async throws {
        let end = ContinuousClock.now + timeout
        // What it is about may not be there yet.
        let isSo = "(() => { try { return Boolean(\(condition)) } catch { return false } })()"
        while try await value(isSo).bool != true {
            guard ContinuousClock.now < end else {
                let page = try await text("body")
                throw TimedOut(description: "after \(timeout) not \(condition): \(page.prefix(2_000)); \(complaints)")
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    package func click(_ selector: String) async throws {
        try await until("document.querySelector(`\(selector)`)")
        try await value("document.querySelector(`\(selector)`).click()")
    }

    /// Types as its user would, into what has the focus; then presses Enter.
    package func type(_ text: String, into selector: String) async throws {
        try await until("document.querySelector(`\(selector)`)")
        try await value("document.querySelector(`\(selector)`).focus()")
        let quoted = try Backend.json([text]).dropFirst().dropLast()
        try await command("Input.insertText", #"{"text":\#(quoted)}"#)
    }

    package func press(_ key: String, code: Int) async throws {
        for kind in ["keyDown", "keyUp"] {
            let character = key == "Enter" && kind == "keyDown" ? #","text":"\r""# : ""
            try await command(
                "Input.dispatchKeyEvent",
                #"{"type":"\#(kind)","key":"\#(key)","code":"\#(key)","windowsVirtualKeyCode":\#(code)\#(character)}"#)
        }
    }

    package func open(_ url: String) async throws {
        let quoted = try Backend.json([url]).dropFirst().dropLast()
        try await command("Page.navigate", #"{"url":\#(quoted)}"#)
    }

    /// How large it is shown, and in which colours.
    package func look(width: Int, height: Int = 900, isDark: Bool = false) async throws {
        let isPhone = width < 600
        try await command(
            "Emulation.setDeviceMetricsOverride",
            #"{"width":\#(width),"height":\#(height),"deviceScaleFactor":1,"mobile":\#(isPhone)}"#)
        try await command(
            "Emulation.setEmulatedMedia",
            #"{"features":[{"name":"prefers-color-scheme","value":"\#(isDark ? "dark" : "light")"}]}"#)
    }

    /// A picture of the whole page, written to `.build/screenshots/<name>.png`.
    package func picture(_ name: String) async throws {
        let size = try await command("Page.getLayoutMetrics")["cssContentSize"]
        let height = min(size["height"].int ?? 900, 4_000)
        let clip = #"{"x":0,"y":0,"width":\#(size["width"].int ?? 1_280),"height":\#(height),"scale":1}"#
        let picture = try await command(
            "Page.captureScreenshot", #"{"format":"png","captureBeyondViewport":true,"clip":\#(clip)}"#)
        let folder = Repository.root.appending(path: ".build/screenshots")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        guard let data = picture["data"].string.flatMap({ Data(base64Encoded: $0) }) else {
            throw TimedOut(description: "no picture of \(name)")
        }
        try data.write(to: folder.appending(path: "\(name).png"))
    }

    /// Brings it to the front, which hides the others.
    package func show() async throws { try await browser.show(tab) }
}

extension Browser {
    /// Runs the body with a new page, attached to before it opens anything.
    package func withPage<Result: Sendable>(
        width: Int = 1_280, isDark: Bool = false, body: (BrowserPage) async throws -> Result
    ) async throws -> Result {
        let tab = try await open("about:blank")
        return try await RawWebSocket.with(port: port, "/devtools/page/\(tab.id)") { tools in
            let page = BrowserPage(tools, self, tab)
            for domain in ["Page", "Runtime", "Log", "Network"] { try await page.command("\(domain).enable") }
            try await page.look(width: width, isDark: isDark)
            return try await body(page)
        }
    }
}
