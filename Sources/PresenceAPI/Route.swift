import HTTPServer
import NIOHTTP1

/// One operation of the API: what the router serves and what `openapi.json` describes.
struct Route: Sendable {
    enum Access: Sendable {
        /// Anyone may call: health checks, the description of the API and the module for web pages.
        case open
        /// Needs an API key, where keys are configured.
        case apiKey
    }

    typealias Handler = @Sendable (HTTPServerRequest) async throws -> HTTPServerResponse

    let method: HTTPMethod
    /// As in OpenAPI: `{name}` stands for one segment.
    let path: String
    let access: Access
    let handler: @Sendable (PresenceAPI) -> Handler

    init(
        _ method: HTTPMethod, _ path: String, _ access: Access,
        _ handler: @escaping @Sendable (PresenceAPI) -> Handler
    ) {
        self.method = method
        self.path = path
        self.access = access
        self.handler = handler
    }
}

extension PresenceAPI {
    static let routes: [Route] = [
        Route(.POST, "/v1/sessions", .apiKey, PresenceAPI.login),
        Route(.POST, "/v1/heartbeats", .apiKey, PresenceAPI.heartbeats),
        Route(.POST, "/v1/sessions/disconnect", .apiKey, PresenceAPI.disconnect),
        Route(.POST, "/v1/sessions/logout", .apiKey, PresenceAPI.logout),
        Route(.POST, "/v1/users/{user}/kick", .apiKey, PresenceAPI.kick),
        Route(.POST, "/v1/statuses", .apiKey, PresenceAPI.statuses),
        Route(.GET, "/v1/users/{user}", .apiKey, PresenceAPI.user),
        Route(.GET, "/v1/stats", .apiKey, PresenceAPI.stats),
        Route(.GET, "/v1/connect", .open, PresenceAPI.connect),
        Route(.GET, "/health/live", .open, PresenceAPI.live),
        Route(.GET, "/health/ready", .open, PresenceAPI.ready),
        Route(.GET, "/openapi.json", .open, PresenceAPI.openAPI),
        Route(.GET, "/client.js", .open, PresenceAPI.clientModule),
    ]
}
