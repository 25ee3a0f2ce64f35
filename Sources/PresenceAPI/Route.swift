import HTTPServer
import NIOHTTP1

/// One operation of the API: what the router serves and what `openapi.json` describes.
struct Route: Sendable {
    enum Access: Sendable, Equatable {
        /// Anyone may call: health checks, the description of the API, the module for web pages and the dashboard's files.
        case open
        /// Needs a key of this role, where keys are configured.
        case key(Role)
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
        Route(.POST, "/v1/sessions", .key(.write), PresenceAPI.login),
        Route(.POST, "/v1/heartbeats", .key(.write), PresenceAPI.heartbeats),
        Route(.POST, "/v1/sessions/disconnect", .key(.write), PresenceAPI.disconnect),
        Route(.POST, "/v1/sessions/logout", .key(.write), PresenceAPI.logout),
        Route(.POST, "/v1/users/{user}/kick", .key(.operate), PresenceAPI.kick),
        Route(.POST, "/v1/users/{user}/replay", .key(.operate), PresenceAPI.replay),
        Route(.POST, "/v1/statuses", .key(.read), PresenceAPI.statuses),
        Route(.GET, "/v1/users/{user}", .key(.read), PresenceAPI.user),
        Route(.GET, "/v1/users/{user}/story", .key(.read), PresenceAPI.story),
        Route(.GET, "/v1/overview", .key(.read), PresenceAPI.overview),
        Route(.GET, "/v1/sessions", .key(.read), PresenceAPI.export),
        Route(.GET, "/v1/events", .key(.read), PresenceAPI.events),
        Route(.GET, "/v1/stats", .key(.read), PresenceAPI.stats),
        Route(.GET, "/metrics", .key(.read), PresenceAPI.metrics),
        Route(.GET, "/v1/connect", .open, PresenceAPI.connect),
        Route(.GET, "/health/live", .open, PresenceAPI.live),
        Route(.GET, "/health/ready", .open, PresenceAPI.ready),
        Route(.GET, "/openapi.json", .open, PresenceAPI.openAPI),
        Route(.GET, "/client.js", .open, PresenceAPI.clientModule),
        Route(.GET, "/dashboard", .open, PresenceAPI.dashboard),
        Route(.GET, "/dashboard/{file}", .open, PresenceAPI.dashboardFile),
    ]
}
