import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1

/// A real, headless chromium with a fresh profile, driven over the HTTP part of its debugging port.
package struct Browser: Sendable {
    /// A tab, by the id the browser gave it.
    package struct Tab: Sendable {
        package let id: String
    }

    /// Leads a process group, in which all processes of the browser are.
    private let process: ChildProcess
    private let url: String

    /// Runs the body beside a browser; none of its processes outlives the body.
    package static func withBrowser<Result: Sendable>(
        body: (Browser) async throws -> Result
    ) async throws -> Result {
        let folder = try temporaryFolder("browser")
        defer { removeFolder(folder) }
        let process = try ChildProcess(
            [
                "env", "HOME=\(folder)", "setsid", "chromium", "--headless=new", "--no-sandbox", "--no-zygote",
                "--disable-gpu", "--disable-dev-shm-usage", "--disable-breakpad", "--disable-extensions",
                "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run",
                "--disable-popup-blocking",
                "--user-data-dir=\(folder)/profile", "--remote-debugging-port=0", "about:blank",
            ], folder: folder, log: "log")
        do {
            let browser = Browser(process: process, url: try await debuggingURL(of: process, folder: folder))
            let result = try await body(browser)
            try await browser.process.endGroup()
            return result
        } catch {
            try? await process.endGroup()
            throw error
        }
    }

    private static func debuggingURL(of process: ChildProcess, folder: String) async throws -> String {
        var port = ""
        try await eventually(timeout: .seconds(60), else: "chromium does not start: \(process.logEnd)") {
            guard process.isRunning else {
                throw TimedOut(description: "chromium ended, is it installed? \(process.logEnd)")
            }
            let file = try? String(contentsOfFile: "\(folder)/profile/DevToolsActivePort", encoding: .utf8)
            port = file.flatMap { $0.split(separator: "\n").first.map(String.init) } ?? ""
            return !port.isEmpty
        }
        return "http://127.0.0.1:\(port)"
    }

    /// Where it listens for debuggers.
    var port: Int { URLComponents(string: url)?.port ?? 0 }

    package func open(_ url: String) async throws -> Tab {
        let address = url.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? url
        guard let id = try JSON(parsing: try await call(.PUT, "/json/new?\(address)"))["id"].string else {
            throw TimedOut(description: "chromium opened no tab for \(url)")
        }
        return Tab(id: id)
    }

    /// Closes the tab as its user would.
    package func close(_ tab: Tab) async throws {
        _ = try await call(.GET, "/json/close/\(tab.id)")
    }

    /// Brings the tab, which others hide, to the front.
    package func show(_ tab: Tab) async throws {
        _ = try await call(.GET, "/json/activate/\(tab.id)")
    }

    /// Has the pages of the tab told that the network is gone, and that it is there again.
    package func reconnect(_ tab: Tab) async throws {
        for isOffline in [true, false] {
            let network = #"{"offline":\#(isOffline),"latency":0,"downloadThroughput":-1,"uploadThroughput":-1}"#
            try await command("Network.overrideNetworkState", network, to: tab)
        }
    }

    /// Goes back to the page that the tab showed before.
    package func back(_ tab: Tab) async throws {
        try await command("Runtime.evaluate", #"{"expression":"history.back()"}"#, to: tab)
    }

    private func command(_ method: String, _ parameters: String, to tab: Tab) async throws {
        try await RawWebSocket.with(port: port, "/devtools/page/\(tab.id)") { tools in
            tools.send(.text(#"{"id":1,"method":"\#(method)","params":\#(parameters)}"#))
            _ = try await tools.message()
        }
    }

    package func title(of tab: Tab) async throws -> String {
        try JSON(parsing: try await call(.GET, "/json/list")).list
            .first { $0["id"].string == tab.id }?["title"].string ?? ""
    }

    /// Pages keep their connections and do nothing.
    package func pausePages() throws {
        for pid in try renderers() { kill(pid, SIGSTOP) }
    }

    package func resumePages() throws {
        for pid in try renderers() { kill(pid, SIGCONT) }
    }

    private func renderers() throws -> [pid_t] {
        try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { pid_t($0) }.filter { pid in
            guard getpgid(pid) == process.pid else { return false }
            let words = try? String(contentsOfFile: "/proc/\(pid)/cmdline", encoding: .utf8)
            return words?.contains("--type=renderer") == true
        }
    }

    private func call(_ method: HTTPMethod, _ path: String) async throws -> String {
        var request = HTTPClientRequest(url: url + path)
        request.method = method
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
        return String(buffer: try await response.body.collect(upTo: 1 << 20))
    }
}

extension ChildProcess {
    /// Kills the program and all it started.
    fileprivate func endGroup() async throws {
        kill(-pid, SIGKILL)
        try await end(with: SIGKILL)
    }
}
