// PresenceAPI: the HTTP way in.
//
// Promises: every native route stands in one table (`routes`) and in `openapi.json`, and a test holds the two
// against each other; the calls of the compatible API stand in `CompatibleCommand`. What a caller sends is
// checked completely before the store is asked, so a refused call changed nothing. Every failure has a code, of
// `ProblemCode` in an RFC 9457 problem or of the compatible API's own; if Redis cannot be asked the answer is an
// error, never "Offline". What is kept in memory of a caller's has a limit in `APILimits`; a longer body is
// refused, and what still comes of it is read and dropped.
// Does not: decide any rule of presence, touch Redis, or end TLS.

import Hummingbird
import HummingbirdCore
import Logging
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
    typealias Context = BasicRequestContext
    /// Serves a connection's requests, on its event loop; returns at once where there are none after an upgrade.
    package typealias Serve = @Sendable () async -> Void

    /// What a connection can become instead of HTTP, and the requests that ask for it in full.
    package struct Upgrade: Sendable {
        package var upgrader: any NIOTypedHTTPServerProtocolUpgrader<Serve>
        package var accepts: @Sendable (HTTPRequestHead) -> Bool

        package init(
            _ upgrader: any NIOTypedHTTPServerProtocolUpgrader<Serve>,
            accepts: @escaping @Sendable (HTTPRequestHead) -> Bool
        ) {
            self.upgrader = upgrader
            self.accepts = accepts
        }
    }

    let store: PresenceStore
    let options: APIOptions
    let readiness: @Sendable () -> Readiness
    let logger: Logger

    /// - Parameter readiness: whether this worker can serve.
    package init(
        store: PresenceStore, options: APIOptions, readiness: @escaping @Sendable () -> Readiness,
        logger: Logger
    ) {
        self.store = store
        self.options = options
        self.readiness = readiness
        self.logger = logger
    }

    /// The server, to be run in a service group; it finishes open requests when told to stop.
    ///
    /// - Parameters:
    ///   - port: 0 picks a free one; the one picked is logged and given to `onListening`.
    ///   - upgrade: what a connection can become instead of HTTP by its first request.
    ///   - connectionsMax: at so many open connections no more are accepted until one closes.
    ///   - keepsReserve: whether one address may have nine tenths of them only; not where all come from one proxy.
    package func application(
        host: String, port: Int, eventLoopGroup: any EventLoopGroup,
        upgrade: Upgrade? = nil, connectionsMax: Int = .max, keepsReserve: Bool = true,
        onListening: @escaping @Sendable (_ port: Int) async -> Void = { _ in }
    ) -> some ApplicationProtocol {
        let quota = keepsReserve ? ConnectionQuota(connectionsMax: connectionsMax, logger: logger) : nil
        return Application(
            router: router(),
            server: HTTPServerBuilder { responder in
                EventLoopAffinity(
                    base: UpgradableChannel(
                        http: HTTP1Channel(responder: responder), upgrade: upgrade, quota: quota))
            },
            configuration: .init(
                address: .hostname(host, port: port),
                availableConnectionsDelegate: .maximum(connectionsMax, logger: logger)),
            onServerRunning: { [logger] channel in
                let bound = channel.localAddress?.port ?? port
                logger.info("listening", metadata: ["host": "\(host)", "port": "\(bound)"])
                await onListening(bound)
            },
            eventLoopGroupProvider: .shared(eventLoopGroup),
            logger: logger)
    }

    func router() -> Router<Context> {
        let open = Router(context: Context.self, options: .autoGenerateHeadEndpoints)
        open.add(middleware: HeadResponses())
        open.add(middleware: RequestLogging())
        if let app = options.app {
            open.add(middleware: CompatibleAPI(store: store, app: app, bodyBytesMax: options.bodyBytesMax))
        }
        open.add(middleware: ProblemMiddleware())
        let keyed = open.group().add(middleware: BearerAuthentication(keys: options.apiKeys))
        for route in Self.routes {
            let path = RouterPath(route.path)
            switch route.access {
            case .open: open.on(path, method: route.method, use: route.handler(self))
            case .apiKey: keyed.on(path, method: route.method, use: route.handler(self))
            }
        }
        return open
    }
}
