import Callbacks
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
import UnixSignals

/// The whole service: every part made, wired, started and stopped in the order its needs dictate.
struct Service: Sendable {
    let configuration: ServiceConfiguration
    let logger: Logger

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

        func run() async throws { try await service.serve() }
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
            logger: logger)
        try await withThrowingTaskGroup { group in
            group.addTask { await redis.run() }
            defer { group.cancelAll() }
            let store = PresenceStore(
                redis: redis, keys: KeySpace(prefix: configuration.redisPrefix, shards: configuration.shards),
                options: storeOptions)
            do {
                try await cancelWhenGracefulShutdown { try await check(store) }
            } catch is CancellationError {
                return
            }
            try await serve(store)
        }
    }

    var redisOptions: RedisClientOptions {
        var options = RedisClientOptions()
        options.commandDeadline = .milliseconds(configuration.redisCommandTimeoutMs)
        options.overallDeadline = max(options.overallDeadline, options.commandDeadline * 3)
        options.allowEviction = configuration.redisAllowsEviction
        return options
    }

    /// Waits for Redis to answer; refuses one that cannot be trusted with presence.
    private func check(_ store: PresenceStore) async throws {
        while true {
            do {
                let info = try await store.redis.checkServer()
                logger.info("Using Redis", metadata: .keyed([.software: "\(info.software)"]))
                for warning in info.warnings {
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
                logger.warning("Waiting for Redis", metadata: .keyed([.error: "\(error)"]))
            } catch let error as StoreError where (error.underlying as? RedisError)?.passesSoon == true {
                logger.warning("Waiting for Redis", metadata: .keyed([.error: "\(error)"]))
            } catch let error as RedisError {
                let isForbidden = error.code == .rejected(.noPermission)
                throw StartError(isForbidden ? .configuration : .unavailable, error.message, underlying: error)
            } catch let error as StoreError {
                throw StartError(.configuration, error.message, underlying: error)
            }
            try await Task.sleep(for: .seconds(1))
        }
    }

    /// Services stop in reverse: the API first, so that what it still changes is delivered.
    private func serve(_ store: PresenceStore) async throws {
        let clock = RedisClock()
        let callbacks = try callbackSender(clock)
        let work = BackgroundWork(
            store: store,
            options: WorkerOptions(callbacksInFlightMax: configuration.callbackInFlightMax),
            deliver: callbacks?.deliver, clock: clock, logger: logger)
        let app = compatibleApp
        if app == nil {
            logger.info("The compatible API is off: set app.id and app.secret-key to switch it on")
        }
        let api = PresenceAPI(
            store: store,
            options: APIOptions(apiKeys: configuration.apiKeys, bodyBytesMax: configuration.bodyBytesMax, app: app),
            readiness: { readiness(work) }, logger: logger)
        let gateway = try await gateway(store, app: app)
        let server = api.server(
            host: configuration.host, port: configuration.port,
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
            upgrade: { gateway.upgrade(for: $0) },
            connectionsMax: FileLimit.raise() - FileLimit.reserve,
            keepsReserve: configuration.connect.addressHeader == nil)
        do {
            try await ServiceGroup(services: [work, gateway, server], logger: logger).run()
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
