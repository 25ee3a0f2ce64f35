import Callbacks
import Gateway
import Logging
import PresenceCore
import RedisClient

/// Everything the service is told, built and checked once at start.
struct ServiceConfiguration: Sendable {
    var host: String
    var port: Int
    var apiKeys: [String]
    var bodyBytesMax: Int
    var logLevel: Logger.Level

    /// nil: the service runs a private Redis in `stateFolder`.
    var redis: RedisEndpoint?
    var redisPrefix: String
    var redisCommandTimeoutMs: Int
    var redisAllowsEviction: Bool
    var shards: Int
    var stateFolder: String

    var login: LoginLimits
    var platforms: PlatformTable
    var pushRetentionMs: Int
    var offlineRetentionMs: Int

    /// nil: changes are recorded, nobody is told.
    var callback: CallbackOptions?
    var callbackInFlightMax: Int
    var eventsRetentionMs: Int
    var eventsBacklogMax: Int
    var outageGapMs: Int

    var app: AppIdentity
    var connect: GatewayOptions
    var clientTokens: TokenKeys

    /// What clients' tokens are verified with, beside the app's usersigs.
    struct TokenKeys: Sendable {
        var jwtSecrets: [String]
        /// PEM texts.
        var jwtPublicKeys: [String]
        var audience: String?
        var issuer: String?
    }

    /// The app of the compatible API.
    struct AppIdentity: Sendable {
        var id: Int?
        var secretKey: String?
        var admins: [String]
        var userSigMaxAgeMs: Int
    }

    /// - Throws: a sentence naming the flag or key that is wrong and what would be accepted.
    init(flags: [String], environment: [String: String]) throws(StartError) {
        let sources = try ConfigurationSources(flags: flags, environment: environment)
        host = try sources.required(.host)
        port = try sources.required(.port)
        apiKeys = try sources.list(.authAPIKeys)
        bodyBytesMax = try sources.required(.httpBodyMaxBytes)
        logLevel = try sources.required(.logLevel)
        redis = try sources.redis()
        redisPrefix = try sources.redisPrefix()
        redisCommandTimeoutMs = try sources.required(.redisCommandTimeoutMs)
        redisAllowsEviction = try sources.required(.redisAllowEviction)
        shards = try sources.required(.shards)
        stateFolder = try sources.stateFolder(environment: environment)
        platforms = try sources.platforms()
        login = try sources.login(on: platforms)
        pushRetentionMs = try sources.required(.pushRetentionMs)
        offlineRetentionMs = try sources.required(.offlineRetentionMs)
        callback = try sources.callback()
        callbackInFlightMax = try sources.required(.callbackInFlightMax)
        eventsRetentionMs = try sources.required(.eventsRetentionMs)
        eventsBacklogMax = try sources.required(.eventsBacklogMax)
        outageGapMs = try sources.required(.outageGapMs)
        app = AppIdentity(
            id: try sources.number(.appID), secretKey: try sources.text(.appSecretKey),
            admins: try sources.list(.appAdmins), userSigMaxAgeMs: try sources.required(.appUserSigMaxAgeMs))
        connect = try sources.connect()
        clientTokens = try sources.clientTokens()
        try checkTogether()
    }

    /// What no key can be blamed for alone.
    private func checkTogether() throws(StartError) {
        if apiKeys.isEmpty, !Self.isLoopback(host) {
            throw StartError(
                .configuration, "host is \"\(host)\", which others can reach: set auth.api-keys, or host to 127.0.0.1.")
        }
        for (platform, traits) in platforms.traits.sorted(by: { $0.key.name < $1.key.name }) {
            let (interval, timeout) = (traits.heartbeat.intervalMs, traits.heartbeat.timeoutMs)
            let own = "(for \(platform): heartbeat.\(traits.platformClass)-... or platforms.\(platform)...)"
            if timeout < 2 * interval {
                throw StartError(
                    .configuration,
                    "The heartbeat timeout, \(timeout) ms, must be at least twice the interval, \(interval) ms \(own).")
            }
            if outageGapMs >= timeout - interval {
                throw StartError(
                    .configuration,
                    "outage.gap-ms, \(outageGapMs), must be less than the heartbeat timeout minus the interval, "
                        + "\(timeout) - \(interval) ms \(own), or an outage could end sessions unnoticed.")
            }
        }
    }

    /// Only addresses, not names, can be trusted to stay on this machine; `localhost` is the exception.
    private static func isLoopback(_ host: String) -> Bool {
        host == "localhost" || host == "::1"
            || host.hasPrefix("127.") && host.utf8.allSatisfy { $0 == UInt8(ascii: ".") || (0x30...0x39).contains($0) }
    }
}
