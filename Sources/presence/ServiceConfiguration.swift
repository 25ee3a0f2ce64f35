import Callbacks
import Feed
import Gateway
import Logging
import PresenceAPI
import PresenceCore
import RedisClient

/// Everything the service is told, built and checked once at start.
struct ServiceConfiguration: Sendable {
    var host: String
    var port: Int
    var keys: APIKeys
    var bodyBytesMax: Int
    var logLevel: Logger.Level
    var logFormat: LogSettings.Format

    /// nil: the service runs a private Redis in `stateFolder`.
    var redis: RedisEndpoint?
    /// Reads it from its file again; nil if it stands in none.
    var redisAnew: (@Sendable () throws -> RedisEndpoint)?
    var redisTLS: RedisTLS
    var redisMinReplicas: Int
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
    var feed: FeedOptions
    var outageGapMs: Int

    var app: AppIdentity
    var connect: GatewayOptions
    var clientTokens: TokenKeys

    /// What clients' tokens are verified with, beside the app's usersigs.
    struct TokenKeys: Sendable {
        var jwtSecrets: [String]
        var jwtPublicKeys: [JWTPublicKey]
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
        try self.init(ConfigurationSources(flags: flags, environment: environment), environment: environment)
    }

    /// - Parameter environment: where the home folder is looked for.
    init(_ sources: ConfigurationSources, environment: [String: String]) throws(StartError) {
        try Self.checkPairs(sources)
        host = try sources.host()
        port = try sources.required(.port)
        keys = try sources.keys()
        bodyBytesMax = try sources.required(.httpBodyMaxBytes)
        logLevel = try sources.required(.logLevel)
        logFormat = try sources.required(.logFormat)
        redis = try sources.redis()
        redisAnew = sources.redisAnew()
        redisTLS = try sources.redisTLS(for: redis)
        redisMinReplicas = try sources.required(.redisMinReplicas)
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
        feed = FeedOptions()
        feed.streamsMax = try sources.required(.feedStreamsMax)
        feed.exportedUsersPerSecondMax = try sources.required(.exportRateMax)
        outageGapMs = try sources.required(.outageGapMs)
        app = AppIdentity(
            id: try sources.number(.appID), secretKey: try sources.text(.appSecretKey),
            admins: try sources.admins(), userSigMaxAgeMs: try sources.required(.appUserSigMaxAgeMs))
        connect = try sources.connect()
        clientTokens = try sources.clientTokens()
        try checkTogether(sources)
    }
}
