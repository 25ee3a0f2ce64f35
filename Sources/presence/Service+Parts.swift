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
        Gateway(
            store: store, tokens: try await clientTokens(app), options: configuration.connect,
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
            executor: { EventLoopTaskExecutor(eventLoop: $0) }, logger: logger)
    }

    private func clientTokens(_ app: CompatibleApp?) async throws -> ClientTokens {
        let keys = configuration.clientTokens
        if app == nil, keys.jwtSecrets.isEmpty, keys.jwtPublicKeys.isEmpty {
            guard !configuration.apiKeys.isEmpty else { return .notAsked }
            logger.info(
                "No client can connect to /v1/connect, as no token can be verified; where they are to, set a key",
                metadata: .keyed([
                    .settings: "connect.jwt-secrets, connect.jwt-public-keys, or app.id with app.secret-key"
                ]))
            return .notConfigured
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
                eventLoop: MultiThreadedEventLoopGroup.singleton.next(), now: { clock.nowSeconds })
        } catch {
            throw StartError(
                .configuration, "callback.url is an https URL, but the certificates to trust cannot be used.",
                underlying: error)
        }
    }

    /// A worker cannot serve while it stops or while Redis does not answer. Work that is late is a figure, and rules
    /// that differ are a note: other workers serve no better for it.
    func readiness(_ work: BackgroundWork) -> Readiness {
        let status = work.status
        var reasons: [String] = []
        if status.isStopping { reasons.append("This worker is stopping.") }
        if let complaint = work.complaint { reasons.append(complaint) }
        if !work.isAnswered { reasons.append("Redis cannot be asked right now; try again.") }
        return Readiness(
            reasons: reasons, notes: status.differences.map { "The rules differ: \($0)." }, settlementLagMs: work.lagMs)
    }
}
