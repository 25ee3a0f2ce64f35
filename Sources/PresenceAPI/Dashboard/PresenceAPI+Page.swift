import HTTPServer
import NIOCore
import NIOHTTP1

/// The dashboard: files that ask `/v1` as any caller does, with the key they are given.
extension PresenceAPI {
    func dashboard(_ request: HTTPServerRequest) async throws -> HTTPServerResponse { Self.page }

    func dashboardFile(_ request: HTTPServerRequest) async throws -> HTTPServerResponse {
        guard let file = request.parameters.first.flatMap({ Self.files[$0] }) else {
            throw Problem(.notFound, "The dashboard is at /dashboard.")
        }
        return file
    }

    private static let page = file("text/html", PackageResources.dashboard_html)

    private static let files: [Substring: HTTPServerResponse] = [
        "style.css": file("text/css", PackageResources.style_css),
        "main.js": file("text/javascript", PackageResources.main_js),
        "service.js": file("text/javascript", PackageResources.service_js),
        "dom.js": file("text/javascript", PackageResources.dom_js),
        "charts.js": file("text/javascript", PackageResources.charts_js),
        "overview.js": file("text/javascript", PackageResources.overview_js),
        "changes.js": file("text/javascript", PackageResources.changes_js),
        "dialog.js": file("text/javascript", PackageResources.dialog_js),
        "story.js": file("text/javascript", PackageResources.story_js),
        "user.js": file("text/javascript", PackageResources.user_js),
    ]

    /// The page takes nothing from elsewhere, sends nothing elsewhere, and stands in no other page.
    private static let policy = """
        default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
        base-uri 'none'; form-action 'none'; frame-ancestors 'none'
        """

    private static func file(_ type: String, _ bytes: [UInt8]) -> HTTPServerResponse {
        HTTPServerResponse(
            .ok,
            headers: [
                ("Content-Type", "\(type); charset=utf-8"), ("Content-Security-Policy", policy),
                ("X-Content-Type-Options", "nosniff"), ("X-Frame-Options", "DENY"),
                ("Referrer-Policy", "no-referrer"), ("Cross-Origin-Opener-Policy", "same-origin"),
                ("Cross-Origin-Resource-Policy", "same-origin"), ("Cache-Control", "no-store"),
            ], body: ByteBuffer(bytes: bytes))
    }
}
