import Callbacks
import Feed
import Foundation
import Gateway
import Logging
import Logs
import NIOCore
import NIOPosix
import PresenceAPI
import PresenceCore
import PresenceStore
import PresenceWorker
import RedisClient
import ServiceLifecycle
import Telemetry
import UnixSignals

/// The whole service: every part made, wired, started and stopped in the order its needs dictate.
struct Service: Sendable {
    let configuration: ServiceConfiguration
    /// Where the configuration is read anew from; nil where it is not.
    let origin: Reload.Origin?
    let logger: Logger
    let figures = PrometheusRegistry()
    let instruments: Instruments
    private let exposition: Exposition

    init(configuration: ServiceConfiguration, origin: Reload.Origin? = nil, logger: Logger) {
        self.configuration = configuration
        self.origin = origin
        self.logger = logger
        instruments = Instruments(figures)
        exposition = Exposition(of: figures, by: instruments)
    }

    /// Runs until SIGTERM or SIGINT; then stops accepting, finishes open requests and deliveries, and releases
    /// its shards.
    /// - Throws: `StartError` if it cannot start.
    func run() async throws {
        var group = ServiceGroupConfiguration(
            services: [Whole(service: self)], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        let drain = Duration.milliseconds(configuration.connect.drainMs)
        let callbacks = Duration.milliseconds(configuration.callback?.timeoutMs ?? 0)
        group.maximumGracefulShutdownDuration = max(Self.stopWithin, drain + callbacks + Self.handOverWithin)
        try await ServiceGroup(configuration: group).run()
    }

    /// Signals count from the first moment, also while Redis is waited for: everything is one service of the group
    /// that traps them.
    private struct Whole: ServiceLifecycle.Service, CustomStringConvertible {
        let service: Service

        /// The group logs its services: the secrets of the configuration stay out.
        var description: String { "presence" }

        func run() async throws {
            try await withGracefulShutdownHandler {
                try await service.serve()
            } onGracefulShutdown: {
                service.logger.info("stopping")
            }
            service.logger.info("stopped")
        }
    }

    private func serve() async throws {
        guard let endpoint = configuration.redis else {
            return try await EmbeddedRedis.run(in: configuration.stateFolder, logger: logger, body: serve)
        }
        try await serve(on: endpoint)
    }

    /// Redis outlives all that uses it, so it is the outer scope.
    private func serve(on endpoint: RedisEndpoint) async throws {
        let redis = RedisClient(
            endpoint: endpoint, eventLoopGroup: MultiThreadedEventLoopGroup.singleton, options: redisOptions,
            instruments: instruments, logger: logger)
        try await withThrowingTaskGroup { group in
            group.addTask { await redis.run() }
            defer { group.cancelAll() }
            try await serve(
                PresenceStore(
                    redis: redis, keys: KeySpace(prefix: configuration.redisPrefix, shards: configuration.shards),
                    options: storeOptions, instruments: instruments))
        }
    }

    var redisOptions: RedisClientOptions {
        var options = RedisClientOptions()
        options.commandDeadline = .milliseconds(configuration.redisCommandTimeoutMs)
        options.overallDeadline = max(options.overallDeadline, options.commandDeadline * 3)
        options.allowEviction = configuration.redisAllowsEviction
        options.minReplicas = configuration.redisMinReplicas
        options.tls = configuration.redisTLS
        options.endpointAnew = configuration.redisAnew
        return options
    }

    /// The background work, once Redis is known to be fit for it. Until then the worker is there to be asked why not.
    private struct CheckedWork: ServiceLifecycle.Service, CustomStringConvertible {
        let service: Service
        let store: PresenceStore
        let work: BackgroundWork
        let opening: Opening

        /// As of `Whole`.
        var description: String { "background work" }

        func run() async throws {
            do {
                try await cancelWhenGracefulShutdown { try await service.check(store, opening) }
            } catch is CancellationError {
                return
            }
            opening.open()
            service.logger.info("serving")
            try await work.run()
        }
    }

    /// Waits for Redis to answer; refuses one that cannot be trusted with presence.
    private func check(_ store: PresenceStore, _ opening: Opening) async throws {
        while true {
            do {
                let infos = try await store.redis.checkServer()
                for info in infos {
                    let endpoint = info.address.map { "\($0)" } ?? "unknown"
                    logger.info(
                        "Using Redis",
                        metadata: .keyed([.software: "\(info.software)", .endpoint: "\(endpoint)"]))
                }
                let warnings = [
                    store.redis.warningOfSplitBrain(infos), await store.redis.warningOfFullCoverage(),
                ]
                for warning in infos.flatMap(\.warnings) + warnings.compactMap(\.self) {
                    logger.warning("Look at how this Redis is set up", metadata: .keyed([.advice: "\(warning)"]))
                }
                if let complaint = try await store.complaintAboutPermissions() {
                    throw StartError(.configuration, complaint.message, underlying: complaint)
                }
                let hints = try await store.missingHintPermissions()
                if !hints.isEmpty {
                    logger.warning(
                        "The Redis user may not use pub/sub: kicks, ends and changes are noticed later",
                        metadata: .keyed([.aclRules: "\(hints.joined(separator: " "))"]))
                }
                _ = try await store.checkLayout()
                return
            } catch let error as RedisError where error.passesSoon {
                waiting(error.message, opening)
            } catch let error as StoreError where (error.underlying as? RedisError)?.passesSoon == true {
                waiting((error.underlying as? RedisError)?.message ?? error.message, opening)
            } catch let error as RedisError {
                throw StartError(
                    error.isConfiguration ? .configuration : .unavailable, error.message, underlying: error)
            } catch let error as StoreError {
                throw StartError(.configuration, error.message, underlying: error)
            }
            try await Task.sleep(for: .seconds(1))
        }
    }

    private func waiting(_ reason: String, _ opening: Opening) {
        logger.log(
            level: opening.waits(reason) ? .warning : .debug, "Waiting for Redis",
            metadata: .keyed([.detail: "\(reason)"]))
    }

    /// Services stop in reverse: the API first, so that what it still changes is delivered.
    private func serve(_ store: PresenceStore) async throws {
        let clock = RedisClock()
        let opening = Opening()
        let callbacks = try callbackSender(clock)
        let work = BackgroundWork(
            store: store,
            options: WorkerOptions(callbacksInFlightMax: configuration.callbackInFlightMax),
            deliver: callbacks?.deliver, clock: clock, instruments: instruments, logger: logger)
        let app = compatibleApp
        if app == nil {
            logger.info("The compatible API is off: set app.id and app.secret-key to switch it on")
        }
        let feed = ChangeFeed(
            store: store, options: configuration.feed, frames: .serverSentEvents, instruments: instruments,
            logger: logger)
        let api = PresenceAPI(
            store: store, feed: feed,
            options: APIOptions(keys: configuration.keys, bodyBytesMax: configuration.bodyBytesMax, app: app),
            closed: { opening.reason }, readiness: { readiness(work, store, opening) }, exposition: exposition.text,
            worker: { await look(at: work, store) }, instruments: instruments, logger: logger)
        watch { readiness(work, store, opening) }
        let gateway = try await gateway(store, app: app)
        let server = api.server(
            host: configuration.host, port: configuration.port,
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
            upgrade: { gateway.upgrade(for: $0) },
            connectionsMax: FileLimit.raise() - FileLimit.reserve,
            keepsReserve: configuration.connect.addressHeader == nil)
        var services: [any ServiceLifecycle.Service] = [
            CheckedWork(service: self, store: store, work: work, opening: opening), gateway, server,
            // Ended before the server, which would wait for its streams.
            api.overviewWatch,
            // It stops first: streams do not end by themselves.
            feed,
        ]
        if let origin {
            let parts = Reload.Parts(api: api, gateway: gateway, callbacks: callbacks)
            services.append(Reload(origin, parts, logger: logger))
        }
        do {
            try await ServiceGroup(services: services, logger: logger).run()
            await callbacks?.close()
        } catch {
            await callbacks?.close()
            if let error = error as? StoreError { throw StartError(.configuration, error.message, underlying: error) }
            throw cannotListen(error) ?? error
        }
    }

    /// nil for an error of another kind.
    private func cannotListen(_ error: any Error) -> StartError? {
        let (host, port) = (configuration.host, configuration.port)
        switch error {
        case is IOError:
            return StartError(
                .unavailable, "\(host):\(port) cannot be listened on: choose another host or port.", underlying: error)
        case is SocketAddressError, is SocketAddressError.UnknownHost:
            return StartError(
                .unavailable, "host is \"\(host)\", a name without an address: set host to an address of this machine.",
                underlying: error)
        default: return nil
        }
    }

    /// What a deployment may rely on before it sends SIGKILL, unless it lets the clients' sockets, and after them the
    /// callbacks, take longer.
    private static let stopWithin: Duration = .seconds(9)
    private static let handOverWithin: Duration = .seconds(2)
}
