import Hummingbird

/// One operation of the API: what the router serves and what `openapi.json` describes.
struct Route: Sendable {
    enum Access: Sendable {
        /// Anyone may call: health checks, the description of the API and the module for web pages.
        case open
        /// Needs an API key, where keys are configured.
        case apiKey
    }

    typealias Handler = @Sendable (Request, PresenceAPI.Context) async throws -> Response

    let method: HTTPRequest.Method
    /// As in OpenAPI: `{name}` stands for one segment.
    let path: String
    let access: Access
    let handler: @Sendable (PresenceAPI) -> Handler

    init(
        _ method: HTTPRequest.Method, _ path: String, _ access: Access,
        _ handler: @escaping @Sendable (PresenceAPI) -> Handler
    ) {
        self.method = method
        self.path = path
        self.access = access
        self.handler = handler
    }

    func matches(_ path: String) -> Bool {
        let segments = path.split(separator: "/")
        let template = self.path.split(separator: "/")
        return segments.count == template.count
            && zip(template, segments).allSatisfy { $0.first == "{" || $0 == $1 }
    }
}

extension PresenceAPI {
    static let routes: [Route] = [
        Route(.post, "/v1/sessions", .apiKey, PresenceAPI.login),
        Route(.post, "/v1/heartbeats", .apiKey, PresenceAPI.heartbeats),
        Route(.post, "/v1/sessions/disconnect", .apiKey, PresenceAPI.disconnect),
        Route(.post, "/v1/sessions/logout", .apiKey, PresenceAPI.logout),
        Route(.post, "/v1/users/{user}/kick", .apiKey, PresenceAPI.kick),
        Route(.post, "/v1/statuses", .apiKey, PresenceAPI.statuses),
        Route(.get, "/v1/users/{user}", .apiKey, PresenceAPI.user),
        Route(.get, "/v1/stats", .apiKey, PresenceAPI.stats),
        Route(.get, "/v1/connect", .open, PresenceAPI.connect),
        Route(.get, "/health/live", .open, PresenceAPI.live),
        Route(.get, "/health/ready", .open, PresenceAPI.ready),
        Route(.get, "/openapi.json", .open, PresenceAPI.openAPI),
        Route(.get, "/client.js", .open, PresenceAPI.clientModule),
    ]
}
