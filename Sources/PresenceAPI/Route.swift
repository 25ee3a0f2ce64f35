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
    /// The names a query may have; nil where others are ignored.
    let parameters: [String]?
    let handler: @Sendable (PresenceAPI) -> Handler

    init(
        _ method: HTTPMethod, _ path: String, _ access: Access, takes parameters: [String]? = [],
        _ handler: @escaping @Sendable (PresenceAPI) -> Handler
    ) {
        self.method = method
        self.path = path
        self.access = access
        self.parameters = parameters
        self.handler = handler
    }
}

extension Route {
    /// Of a name that is too long so many bytes are told.
    private static let toldNameBytesMax = 64

    /// A parameter that nobody reads would leave a call to mean more than its caller said.
    /// - Parameter query: as sent.
    /// - Throws: `Problem` whose field is the first parameter that is none of this call's. Its sentence, which is logged,
    ///   has nothing of the query: that can hold a secret.
    func check(_ query: Substring) throws(Problem) {
        guard !query.isEmpty, let parameters else { return }
        for pair in query.utf8.split(separator: UInt8(ascii: "&")) {
            let name = String(Substring(pair.prefix { $0 != UInt8(ascii: "=") }))
            guard !parameters.contains(name) else { continue }
            let known = parameters.isEmpty ? "none" : parameters.joined(separator: ", ")
            var problem = Problem(
                .invalidField, "The query has a parameter that is none of this call's, which takes \(known).")
            problem.field = String(decoding: name.utf8.prefix(Self.toldNameBytesMax), as: UTF8.self)
            throw problem
        }
    }
}

extension CaseIterable where Self: RawRepresentable<String> {
    /// All there are, as they are written.
    static var names: [String] { allCases.map(\.rawValue) }
}

extension PresenceAPI {
    /// What browsers, probes and scrapers fetch takes whatever parameter they add; a client's WebSocket reads its own.
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
        Route(.GET, "/v1/overview", .key(.read), takes: OverviewParameter.names, PresenceAPI.overview),
        Route(.GET, "/v1/sessions", .key(.read), takes: ExportRequest.Parameter.names, PresenceAPI.export),
        Route(.GET, "/v1/events", .key(.read), takes: EventsRequest.Parameter.names, PresenceAPI.events),
        Route(.GET, "/v1/stats", .key(.read), PresenceAPI.stats),
        Route(.GET, "/metrics", .key(.read), takes: nil, PresenceAPI.metrics),
        Route(.GET, "/v1/connect", .open, takes: nil, PresenceAPI.connect),
        Route(.GET, "/health/live", .open, takes: nil, PresenceAPI.live),
        Route(.GET, "/health/ready", .open, takes: nil, PresenceAPI.ready),
        Route(.GET, "/openapi.json", .open, takes: nil, PresenceAPI.openAPI),
        Route(.GET, "/client.js", .open, takes: nil, PresenceAPI.clientModule),
        Route(.GET, "/dashboard", .open, takes: nil, PresenceAPI.dashboard),
        Route(.GET, "/dashboard/{file}", .open, takes: nil, PresenceAPI.dashboardFile),
    ]
}
