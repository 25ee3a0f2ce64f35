import Callbacks
import Foundation
import Gateway
import HTTPServer
import Logging
import Logs
import NIOPosix
import PresenceAPI
import PresenceCore
import PresenceStore
import PresenceWorker
import RedisClient
import Telemetry
import UserSig

/// The parts of the service, each from its share of the configuration.
extension Service {
    var storeOptions: StoreOptions {
        var options = StoreOptions(worker: Self.workerName())
        options.platforms = configuration.platforms
        options.limits = configuration.login
        options.pushRetentionMs = configuration.pushRetentionMs
        options.offlineRetentionMs = configuration.offlineRetentionMs
        options.userSigAgeMaxMs = configuration.app.userSigMaxAgeMs
        options.eventsRetentionMs = configuration.eventsRetentionMs
        options.eventsBacklogMax = configuration.eventsBacklogMax
        options.outageGapMs = configuration.outageGapMs
        options.hasReceiver = configuration.callback != nil
        options.repeatMsMax = Int(redisOptions.overallDeadline / .milliseconds(1))
        return options
    }

    /// Where a session was served, for people: the machine and, as one machine can run many, something random.
    private static func workerName() -> String {
        let host = ProcessInfo.processInfo.hostName.prefix { $0 != "." }.prefix(32)
        return "\(host)-\(Generation.random().rawValue.prefix(6))"
    }

    /// The app of the compatible API; nil unless both its id and its key are configured.
    var compatibleApp: CompatibleApp? {
        guard let id = configuration.app.id, let secretKey = configuration.app.secretKey else { return nil }
        let key = UserSigKey(
            sdkAppID: id, secretKey: secretKey, lifetimeMax: configuration.app.userSigMaxAgeMs / 1_000)
        return CompatibleApp(key: key, admins: configuration.app.admins)
    }

    /// The clients' connections.
    func gateway(_ store: PresenceStore, app: CompatibleApp?) async throws -> Gateway {
        let tokens = try await clientTokens(app)
        if case .notConfigured = tokens {
            logger.info(
                "No client can connect to /v1/connect, as no token can be verified; where they are to, set a key",
                metadata: .keyed([
                    .settings: "connect.jwt-secrets, connect.jwt-public-keys, or app.id with app.secret-key"
                ]))
        }
        return Gateway(
            store: store, tokens: tokens, options: configuration.connect,
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
            executor: { EventLoopTaskExecutor(eventLoop: $0) }, instruments: instruments, logger: logger)
    }

    /// What clients prove who they are with.
    func clientTokens(_ app: CompatibleApp?) async throws -> ClientTokens {
        let keys = configuration.clientTokens
        if app == nil, keys.jwtSecrets.isEmpty, keys.jwtPublicKeys.isEmpty {
            return configuration.keys.isEmpty ? .notAsked : .notConfigured
        }
        return .verified(
            by: try await TokenVerifier(
                userSigKey: app?.key, jwtSecrets: keys.jwtSecrets, jwtPublicKeys: keys.jwtPublicKeys,
                audience: keys.audience, issuer: keys.issuer))
    }

    /// The way to the callback receiver; nil if nobody is to be told.
    /// - Throws: `StartError` if the certificates to trust cannot be used.
    func callbackSender(_ clock: RedisClock) throws -> CallbackSender? {
        guard let options = configuration.callback else { return nil }
        do {
            return try CallbackSender(
                options: options, inFlightMax: configuration.callbackInFlightMax,
                eventLoop: MultiThreadedEventLoopGroup.singleton.next(), instruments: instruments,
                now: { clock.nowSeconds })
        } catch {
            throw StartError(
                .configuration, "callback.url is an https URL, but the certificates to trust cannot be used.",
                underlying: error)
        }
    }

    /// What this worker knows by itself, for the dashboard.
    func look(at work: BackgroundWork, _ store: PresenceStore) async -> WorkerLook {
        var look = WorkerLook(name: store.options.worker, notifications: await work.notificationsHeard)
        guard configuration.callback != nil else { return look }
        look.firstAttempts = figures.durations(.firstAttemptDelay)
        look.attempts = figures.durations(.callbackDuration)
        return look
    }

    /// A worker cannot serve while it stops or while no Redis master answers. Work that is late is a figure; rules that
    /// differ, and a master that is away while others answer, are notes: other workers serve no better for it.
    func readiness(_ work: BackgroundWork, _ store: PresenceStore, _ opening: Opening) -> Readiness {
        if let reason = opening.reason { return Readiness(reasons: [reason]) }
        let status = work.status
        var reasons: [String] = []
        if status.isStopping { reasons.append("This worker is stopping.") }
        if let complaint = work.complaint { reasons.append(complaint) }
        if !work.isAnswered { reasons.append("Redis cannot be asked right now; try again.") }
        let notes =
            status.differences.map { "The rules differ: \($0)." }
            + store.complaintsAboutMasters + work.troubles
        return Readiness(reasons: reasons, notes: notes, settlementLagMs: work.lagMs)
    }
}
