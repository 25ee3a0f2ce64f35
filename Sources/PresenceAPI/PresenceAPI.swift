// PresenceAPI: the HTTP way in.
//
// Promises: every native route stands in one table (`routes`) and in `openapi.json`, and a test holds the two
// against each other; the calls of the compatible API stand in `CompatibleCommand`. What a caller sends is
// checked completely before the store is asked, so a refused call changed nothing. Every failure has a code, of
// `ProblemCode` in an RFC 9457 problem or of the compatible API's own; if Redis cannot be asked the answer is an
// error, never "Offline". What is kept in memory of a caller's has a limit in `APILimits`; a longer body is
// refused, and what still comes of it is read and dropped.
// Does not: decide any rule of presence, touch Redis, or end TLS.

import HTTPServer
import Logging
import Logs
import NIOCore
import NIOHTTP1
import PresenceCore
import PresenceStore

/// What a deployment chooses about the API.
package struct APIOptions: Sendable {
    /// Keys a caller may show as `Authorization: Bearer <key>`. Several, so that one can be replaced without a
    /// pause; with none the `/v1` routes are open, which only a service bound to loopback may do.
    package var apiKeys: [String]
    /// The longest request body that is read.
    package var bodyBytesMax: Int
    /// The app of the compatible API and of the usersigs clients log in with; without one there is neither.
    package var app: CompatibleApp?

    package init(
        apiKeys: [String] = [], bodyBytesMax: Int = APILimits.bodyBytesMax, app: CompatibleApp? = nil
    ) {
        self.apiKeys = apiKeys
        self.bodyBytesMax = bodyBytesMax
        self.app = app
    }
}

/// The HTTP API over a store.
package struct PresenceAPI: Sendable {
    /// What a request that asks for it in full is upgraded to.
    package typealias Upgrade = @Sendable (HTTPServerRequest) -> HTTPServerUpgrade?

    let store: PresenceStore
    let options: APIOptions
    let readiness: @Sendable () -> Readiness
    let logger: Logger
    private let authentication: BearerAuthentication
    private let compatible: CompatibleAPI?

    /// - Parameter readiness: whether this worker can serve.
    package init(
        store: PresenceStore, options: APIOptions, readiness: @escaping @Sendable () -> Readiness,
        logger: Logger
    ) {
        self.store = store
        self.options = options
        self.readiness = readiness
        self.logger = logger
        authentication = BearerAuthentication(keys: options.apiKeys)
        compatible = options.app.map { CompatibleAPI(store: store, app: $0, logger: logger) }
    }

    /// The server, to be run in a service group; it answers open requests when told to stop.
    ///
    /// - Parameters:
    ///   - port: 0 picks a free one; the one picked is logged and given to `onListening`.
    ///   - upgrade: what a connection can become instead of HTTP.
    ///   - connectionsMax: at so many open connections no more are accepted until one closes.
    ///   - keepsReserve: whether one address may have nine tenths of them only; not where all come from one proxy.
    package func server(
        host: String, port: Int, eventLoopGroup: any EventLoopGroup, upgrade: @escaping Upgrade = { _ in nil },
        connectionsMax: Int = .max, keepsReserve: Bool = true,
        onListening: @escaping @Sendable (_ port: Int) async -> Void = { _ in }
    ) -> HTTPServer {
        var configuration = HTTPServer.Configuration(host: host, port: port)
        configuration.limits.bodyBytesMax = options.bodyBytesMax
        configuration.connectionsMax = connectionsMax
        configuration.keepsReserve = keepsReserve
        configuration.network = { NetworkAddress.network(of: $0) }
        configuration.reserveAdvice = "set connect.address-header if it is a proxy"
        let router = HTTPRouter(Self.routes.map { ($0.method, $0.path) })
        let routes = Self.routes.map { (access: $0.access, handler: handle($0.handler(self))) }
        return HTTPServer(
            configuration, eventLoopGroup: eventLoopGroup, logger: logger, onListening: onListening,
            refuse: { [limits = configuration.limits] in answer(to: $1, refused: $0, limits) },
            decide: { request in upgrade(request).map { .upgrade($0) } ?? decide(&request, router, routes) })
    }
}

// What becomes of a request.
extension PresenceAPI {
    /// Known by the head: that there is such a path and method, and that the caller may.
    private func decide(
        _ request: inout HTTPServerRequest, _ router: HTTPRouter,
        _ routes: [(access: Route.Access, handler: HTTPServerHandler)]
    ) -> HTTPServerDecision {
        if let compatible, CompatibleAPI.isPath(request.path) {
            return compatible.decide(request).logged(request, logger)
        }
        let decision: HTTPServerDecision
        switch router.match(request.method, request.path) {
        case .found(let route, let parameters):
            request.parameters = parameters
            let (access, handler) = routes[route]
            decision =
                access == .open || authentication.accepts(request.headers)
                ? .handle(handler)
                : failed(
                    Problem(.unauthorized, "Send one of the service's keys as `Authorization: Bearer <key>`."))
        case .methodNotAllowed(let methods):
            var problem = Problem(.methodNotAllowed, "See the `Allow` header for the methods this path takes.")
            problem.allowed = methods
            decision = failed(problem)
        case .notFound: decision = failed(Problem(.notFound, "See /openapi.json for the paths there are."))
        }
        return decision.logged(request, logger)
    }

    private func handle(_ handler: @escaping Route.Handler) -> HTTPServerHandler {
        { request in
            do { return try await handler(request) } catch { return answer(to: error) }
        }
    }

    private func failed(_ problem: Problem) -> HTTPServerDecision { .answer(answer(to: problem)) }

    /// Our own faults are logged as errors, callers' only when debugging.
    private func answer(to error: any Error) -> HTTPServerResponse {
        let problem = Problem(error)
        logger.log(
            level: problem.code == .internalError ? .error : .debug, "call failed",
            metadata: .keyed([
                .code: "\(problem.code.rawValue)", .detail: "\(problem.detail)",
                .error: problem.underlying.map { "\($0)" } ?? "none",
            ]))
        return problem.response
    }

    /// What the server does not let through to a handler.
    private func answer(
        to request: HTTPServerRequest?, refused refusal: HTTPRefusal, _ limits: HTTPServerLimits
    ) -> HTTPServerResponse {
        let problem = Problem(refusal, limits)
        if compatible != nil, let request, CompatibleAPI.isPath(request.path) {
            return .compatible(CompatibleFailure(problem, of: nil))
        }
        return answer(to: problem)
    }
}

extension HTTPServerDecision {
    /// One line per request when debugging: the path without its query, which can hold a usersig.
    fileprivate func logged(_ request: HTTPServerRequest, _ logger: Logger) -> HTTPServerDecision {
        guard logger.logLevel <= .debug else { return self }
        @Sendable func log(_ response: HTTPServerResponse) -> HTTPServerResponse {
            logger.debug(
                "request",
                metadata: .keyed([
                    .method: "\(request.method)", .path: "\(request.path)", .status: "\(response.status.code)",
                ]))
            return response
        }
        switch self {
        case .handle(let handler): return .handle { log(await handler($0)) }
        case .answer(let response): return .answer(log(response))
        case .upgrade: return self
        }
    }
}

extension Logger {
    /// A bulk query left this user out.
    func unreadableRecord(of user: UserID, _ reason: StoreError) {
        error(
            "A record cannot be read; see what stands under the user's key",
            metadata: .keyed([.user: "\(user)", .error: "\(reason)"]))
    }
}
