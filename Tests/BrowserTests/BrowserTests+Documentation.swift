import HTTPServer
import NIOCore
import NIOHTTP1
import Support
import Testing

extension BrowserTests {
    @Test("The user of a page as it is printed is Online", arguments: ["README", "Clients"])
    func printed(_ name: String) async throws {
        let page = try name == "README" ? DocumentationPage.readme() : DocumentationPage.named(name)
        let block = try page.block("html")
        try await Deployment.with(workers: 1, Self.patient) { deployment in
            let address = "127.0.0.1:\(deployment.workers[0].port)"
            let html = "<!doctype html>" + block.text.replacing("127.0.0.1:8080", with: address)
            let pages = ["/": html, "/my-token": "none is asked for"]
            try await WebServer.serving { request in
                guard let text = pages[String(request.path)] else { return HTTPServerResponse(.notFound) }
                return HTTPServerResponse(
                    .ok, headers: [("Content-Type", "text/html")], body: ByteBuffer(string: text))
            } body: { port in
                try await Browser.withBrowser { browser in
                    _ = try await browser.open("http://127.0.0.1:\(port)/")
                    try await eventually(else: "alice is not Online") {
                        try await deployment.backend.status("alice") == "Online"
                    }
                }
            }
        }
    }
}
