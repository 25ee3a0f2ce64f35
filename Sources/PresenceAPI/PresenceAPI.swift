// PresenceAPI: the HTTP way in.
//
// Promises: every native route stands in one table (`routes`) and in `openapi.json`, and a test holds the two
// against each other; the calls of the compatible API stand in `CompatibleCommand`. What a caller sends is
// checked completely before the store is to change anything, so a refused call changed nothing. Every failure has
// a code, of `ProblemCode` in an RFC 9457 problem or of the compatible API's own; if Redis cannot be asked the answer
// is an error, never "Offline". What is kept in memory of a caller's has a limit in `APILimits`; a longer body is
// refused, and what still comes of it is read and dropped.
// Does not: decide any rule of presence, touch Redis, or end TLS.

import Feed
import HTTPServer
import Logging
import Logs
import NIOCore
import NIOHTTP1
import PresenceCore
import PresenceStore
import Telemetry

/// What a deployment chooses about the API.
package struct APIOptions: Sendable {
    package var keys: APIKeys
    /// The longest request body that is read.
    package var bodyBytesMax: Int
    /// The app of the compatible API and of the usersigs clients log in with; without one there is neither.
    package var app: CompatibleApp?

    package init(
        keys: APIKeys = APIKeys(), bodyBytesMax: Int = APILimits.bodyBytesMax, app: CompatibleApp? = nil
    ) {
        self.keys = keys
        self.bodyBytesMax = bodyBytesMax
        self.app = app
    }
}

/// The HTTP API over a store.
package struct PresenceAPI: Sendable {
    /// What a request that asks for it in full is upgraded to.
    package typealias Upgrade = @Sendable (HTTPServerRequest) -> HTTPServerUpgrade?

    let store: PresenceStore
    let feed: ChangeFeed
    let options: APIOptions
    let closed: @Sendable () -> String?
    let readiness: @Sendable () -> Readiness
    let exposition: @Sendable () async -> String
    let logger: Logger
    /// To be run beside the server, so that it ends what it streams when the service stops.
    package let overviewWatch: OverviewWatch
    let stories = Places(APILimits.storiesMax)
    private let figures: HTTPFigures
    let credentials: Replaceable<Credentials>

    /// - Parameters:
    ///   - closed: why nothing that concerns the store may be asked yet, as a sentence; nil once it may.
    ///   - readiness: whether this worker can serve.
    ///   - exposition: all figures of this worker in Prometheus' text format.
    ///   - worker: what only the worker itself knows, for who looks at the service through it.
    package init(
        store: PresenceStore, feed: ChangeFeed, options: APIOptions,
        closed: @escaping @Sendable () -> String? = { nil },
        readiness: @escaping @Sendable () -> Readiness,
        exposition: @escaping @Sendable () async -> String = { "" },
        worker: @escaping @Sendable () async -> WorkerLook = { WorkerLook() }, instruments: Instruments = .none,
        logger: Logger
    ) {
        self.store = store
        self.feed = feed
        self.options = options
        self.closed = closed
        self.readiness = readiness
        self.exposition = exposition
        self.logger = logger
        overviewWatch = OverviewWatch(store: store, readiness: readiness, worker: worker) { heard in
            await feed.watch(heard)
        }
        figures = HTTPFigures(instruments)
        let compatibleRoutes = CompatibleRoutes(figures)
        let compatible = options.app.map {
            CompatibleAPI(store: store, app: $0, routes: compatibleRoutes, closed: closed, logger: logger)
        }
        credentials = Replaceable(Credentials(BearerAuthentication(options.keys), compatible: compatible))
    }

    /// From now on these count for every request that comes. Whether there is an app stays as it is.
    package func use(_ keys: APIKeys, app: CompatibleApp?) {
        var compatible = credentials.current.compatible
        if let app { compatible?.app = app }
        credentials.replace(with: Credentials(BearerAuthentication(keys), compatible: compatible))
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
        let routes = Self.routes.map { ServedRoute($0, handler: handle($0), figures) }
        return HTTPServer(
            configuration, eventLoopGroup: eventLoopGroup, logger: logger, figures: figures, onListening: onListening,
            refuse: { [limits = configuration.limits] in answer(to: $1, refused: $0, limits) },
            decide: { request in
                refusedYet(&request) ?? upgrade(request).map { .upgrade($0) } ?? decide(&request, router, routes)
            })
    }
}

/// A route as the server goes by it.
private struct ServedRoute: Sendable {
    let access: Route.Access
    let handler: HTTPServerHandler
    let figures: RouteFigures
    let figuresOfHEAD: RouteFigures

    init(_ route: Route, handler: @escaping HTTPServerHandler, _ figures: HTTPFigures) {
        access = route.access
        self.handler = handler
        self.figures = figures.route(route.method, route.path)
        figuresOfHEAD = figures.route(.HEAD, route.path)
    }
}

// What becomes of a request.
extension PresenceAPI {
    /// Until Redis was looked at nobody may touch it, but everybody may ask how the worker is. The compatible API asks by
    /// itself, as its calls are refused with codes of their own.
    private func refusedYet(_ request: inout HTTPServerRequest) -> HTTPServerDecision? {
        guard request.path.hasPrefix("/v1/"), let reason = closed() else { return nil }
        request.identify(isNeeded: true)
        return failed(Problem(.redisUnavailable, reason), request)
    }

    /// Known by the head: that there is such a path and method, and that the caller may.
    private func decide(
        _ request: inout HTTPServerRequest, _ router: HTTPRouter, _ routes: [ServedRoute]
    ) -> HTTPServerDecision {
        request.identify(isNeeded: logger.logLevel <= .debug)
        let credentials = credentials.current
        if let compatible = credentials.compatible, CompatibleAPI.isPath(request.path) {
            return compatible.decide(&request).logged(request, logger)
        }
        let decision: HTTPServerDecision
        switch router.match(request.method, request.path) {
        case .found(let route, let parameters):
            let route = routes[route]
            request.parameters = parameters
            request.route = request.method == .HEAD ? route.figuresOfHEAD : route.figures
            do {
                if case .key(let role) = route.access {
                    request.caller = try credentials.authentication.caller(request.headers, as: role).name
                }
                request.identify(isNeeded: route.access == .key(.operate))
                decision = .handle(route.handler)
            } catch {
                decision = failed(error, request)
            }
        case .methodNotAllowed(let methods):
            var problem = Problem(.methodNotAllowed, "See the `Allow` header for the methods this path takes.")
            problem.allowed = methods
            decision = failed(problem, request)
        case .notFound:
            decision = failed(Problem(.notFound, "See /openapi.json for the paths there are."), request)
        }
        return decision.identified(by: request.id).logged(request, logger)
    }

    private func handle(_ route: Route) -> HTTPServerHandler {
        let handler = route.handler(self)
        return { request in
            do {
                try route.check(request.query)
                return try await handler(request)
            } catch {
                return answer(to: error, of: request)
            }
        }
    }

    private func failed(_ problem: Problem, _ request: HTTPServerRequest) -> HTTPServerDecision {
        .answer(answer(to: problem, of: request))
    }

    /// Our own faults are logged as errors, callers' only when debugging.
    private func answer(to error: any Error, of request: HTTPServerRequest?) -> HTTPServerResponse {
        let id = request?.identified.id ?? RequestID.random().description
        var problem = Problem(error)
        problem.requestID = id
        logger.log(
            level: problem.code == .internalError ? .error : .debug, "call failed",
            metadata: .keyed([
                .code: "\(problem.code.rawValue)", .detail: "\(problem.detail)",
                .error: problem.underlying.map { "\($0)" } ?? "none", .requestID: "\(id)",
            ]))
        return problem.response
    }

    /// What the server does not let through to a handler.
    private func answer(
        to request: HTTPServerRequest?, refused refusal: HTTPRefusal, _ limits: HTTPServerLimits
    ) -> HTTPServerResponse {
        let problem = Problem(refusal, limits)
        if options.app != nil, let request, CompatibleAPI.isPath(request.path) {
            return .compatible(CompatibleFailure(problem, of: nil)).identified(by: request.identified.id)
        }
        return answer(to: problem, of: request)
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
                    .requestID: "\(request.id ?? "")",
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
    func unreadableRecord(of user: UserID, _ reason: StoreError, in request: HTTPServerRequest) {
        var metadata: LogMetadata = [.user: "\(user)", .error: "\(reason)"]
        if let id = request.id { metadata[.requestID] = "\(id)" }
        error("A record cannot be read; see what stands under the user's key", metadata: .keyed(metadata))
    }
}
