import Logging
import PresenceCore
import PresenceWorker

/// Every key there is. Flags, `presence serve --help`, the checks and the documentation's table all come from here.
extension ConfigurationKey {
    private static let yearMs = 365 * 86_400_000
    private static let dayMs = 86_400_000
    /// How long something is kept.
    private static let retention = Kind.number(1_000...yearMs)
    private static let heartbeatInterval = Kind.number(100...3_600_000)
    private static let heartbeatTimeout = Kind.number(1_000...dayMs)
    /// A lease is renewed when so much is left of it: one attempt that hangs must leave time for another.
    private static let commandTimeout = Kind.number(50...WorkerPaces().leaseRenewAtMs / 2)
    /// Whoever sweeps once a round is late with every sweep if a pause between two counts.
    private static let outageGap = Kind.number(2 * WorkerPaces().sweepRoundMs...3_600_000)

    static let config = Self("config", .text, "A JSON or YAML file with any of the other keys.")
    static let host = Self(
        "host", .text, default: "127.0.0.1", "Address to listen on; others than loopback need keys, as auth.api-keys.")
    static let port = Self(
        "port", .number(0...65_535), default: "8080", "Port to listen on; 0 takes a free one and logs it.")
    static let logLevel = Self(
        "log.level", .choice(Logger.Level.allCases.map(\.rawValue)), default: "info", isReloaded: true,
        "The least level that is logged.")
    static let logFormat = Self(
        "log.format", .choice(LogSettings.Format.allCases.map(\.rawValue)), default: "text",
        "Lines of the log for people, or each a JSON object.")

    static let redisURL = Self(
        "redis.url", .text, isSecret: true,
        "Redis as redis://[user:password@]host[:port][/db], or in another form; without it a private one is run.")
    static let redisCAFile = Self(
        "redis.ca-file", .text, "PEM file of the CAs trusted for a Redis over TLS, in place of the system's.")
    static let redisCertificateFile = Self(
        "redis.certificate-file", .text,
        "PEM file of the certificate, and its chain, that is shown to a Redis that demands one.")
    static let redisKeyFile = Self("redis.key-file", .text, "PEM file of the key of redis.certificate-file.")
    static let redisServerName = Self(
        "redis.server-name", .text, "Name the certificate of Redis must be for, in place of the host connected to.")
    static let redisMinReplicas = Self(
        "redis.min-replicas", .number(0...1_000), default: "0",
        "Least min-replicas-to-write that every master must have, or the service does not start.")
    static let redisPrefix = Self(
        "redis.prefix", .text, default: "presence", "First part of every key's name: 1 to 32 of A-Z a-z 0-9 _ -.")
    static let redisCommandTimeoutMs = Self(
        "redis.command-timeout-ms", commandTimeout, default: "1000",
        "How long one attempt at a command may wait for Redis; a call gives up after three times that, and at least 3 s."
    )
    static let redisAllowEviction = Self(
        "redis.allow-eviction", .boolean, default: "false",
        "Accept a Redis that may evict keys, losing sessions silently.")
    static let shards = Self(
        "shards", .number(1...4_096), default: "128",
        "Parts users are divided into; fixed when the service first starts.")
    static let stateFolder = Self(
        "state.folder", .text, "Folder of the private Redis; without it presence in $XDG_STATE_HOME or ~/.local/state.")

    static let loginPolicy = Self(
        "login.policy", .choice(LoginPolicy.allCases.map(\.rawValue)), default: "single",
        "Which platforms exclude each other.")
    static let loginOnLimit = Self(
        "login.on-limit", .choice(OnLimit.allCases.map(\.rawValue)), default: "kick",
        "What a login over the limit does: ends the oldest sessions, or is refused.")
    static let loginLimits = Self(
        "login.limits", .list, "Sessions at once per platform, as Web=10,iPhone=3; 1 where nothing is said.")
    static let pushRetentionMs = Self(
        "push.retention-ms", retention, default: "604800000", "How long a session stays PushOnline without a new login."
    )
    static let offlineRetentionMs = Self(
        "offline.retention-ms", retention, default: "604800000",
        "How long it is remembered since when a user is offline.")

    static let callbackURL = Self(
        "callback.url", .text, isSecret: true, "Where changes are posted; without it nowhere.")
    static let callbackTimeoutMs = Self(
        "callback.timeout-ms", .number(100...30_000), default: "2000", "How long one attempt waits for the receiver.")
    static let callbackInFlightMax = Self(
        "callback.in-flight-max", .number(1...1_024), default: "256", "Deliveries under way at once.")
    static let callbackSignToken = Self(
        "callback.sign-token", .text, isSecret: true, isReloaded: true,
        "Token of the query parameters Sign and RequestTime.")
    static let callbackWebhookSecrets = Self(
        "callback.webhook-secrets", .list, isSecret: true, isReloaded: true,
        "Secrets of the Standard Webhooks headers (whsec_...).")
    static let callbackCAFile = Self(
        "callback.ca-file", .text, isReloaded: true,
        "PEM file of the CAs trusted for an https receiver, in place of the system's.")
    static let callbackSendKicked = Self(
        "callback.send-kicked", .boolean, default: "true", "Send Logout with the reason Kicked.")
    static let callbackSendExpired = Self(
        "callback.send-expired", .boolean, default: "true", "Send Logout with the reason Expired.")
    static let eventsRetentionMs = Self(
        "events.retention-ms", .number(1_000...30 * dayMs), default: "600000",
        "How long delivered changes can still be read.")
    static let eventsBacklogMax = Self(
        "events.backlog-max", .number(1_000...100_000_000), default: "1000000",
        "Changes waiting for delivery at which logins are refused; each shard has its even part of it.")

    static let feedStreamsMax = Self(
        "feed.streams-max", .number(0...1_000_000), default: "10000",
        "Streams of changes one worker has open at once.")
    static let exportRateMax = Self(
        "export.rate-max", .number(100...10_000_000), default: "20000",
        "Users per second that exports of one worker go through.")

    static let outageGapMs = Self(
        "outage.gap-ms", outageGap, default: "15000",
        "A pause of the background work longer than this was an outage; below 12000 a dead worker makes one.")

    static let authAPIKeys = Self(
        "auth.api-keys", .list, isSecret: true, isReloaded: true,
        "Keys that may call everything; without a key in any of the four lists only loopback is served.")
    static let authReadKeys = Self(
        "auth.read-keys", .list, isSecret: true, isReloaded: true, "Keys that may ask: queries and figures.")
    static let authWriteKeys = Self(
        "auth.write-keys", .list, isSecret: true, isReloaded: true,
        "Keys that may tell what clients do: logins, heartbeats, closed connections, logouts.")
    static let authOperateKeys = Self(
        "auth.operate-keys", .list, isSecret: true, isReloaded: true, "Keys that may order what operators do: kicks.")
    static let httpBodyMaxBytes = Self(
        "http.body-max-bytes", .number(1_024...16_777_216), default: "1048576", "The largest request body that is read."
    )
    static let appID = Self(
        "app.id", .number(1...4_294_967_295),
        "The app's number, sent as SdkAppid; with app.secret-key it switches the compatible API on.")
    static let appSecretKey = Self(
        "app.secret-key", .text, isSecret: true, isReloaded: true, "The key that signs a usersig.")
    static let appAdmins = Self(
        "app.admins", .list, default: "administrator", isReloaded: true, "Who may call the compatible API.")
    static let appUserSigMaxAgeMs = Self(
        "app.usersig-max-age-ms", .number(60_000...yearMs), default: "15552000000",
        "How long after its issue a usersig counts at most, whatever it says; a kick is remembered as long.")

    static let connectJWTSecrets = Self(
        "connect.jwt-secrets", .list, isSecret: true, isReloaded: true,
        "Secrets of the tokens clients connect with (JWT, HS256), each of at least 32 bytes.")
    static let connectJWTPublicKeys = Self(
        "connect.jwt-public-keys", .list, isReloaded: true,
        "PEM files of public keys of such tokens: P-256 (ES256) or RSA (RS256).")
    static let connectJWTAudience = Self(
        "connect.jwt-audience", .text, isReloaded: true,
        "What the aud of such a token must be or contain; without it a token that has an aud is refused.")
    static let connectJWTIssuer = Self(
        "connect.jwt-issuer", .text, isReloaded: true, "What the iss of such a token must be; without it any will do.")
    static let connectOrigins = Self(
        "connect.origins", .list, isReloaded: true,
        "Origins whose web pages may connect, as https://example.org; without any, all may.")
    static let connectAddressHeader = Self(
        "connect.address-header", .text,
        "Header a trusted load balancer adds the client's address to (X-Forwarded-For, Forwarded); none: the peer's.")
    static let connectSocketsMax = Self(
        "connect.sockets-max", .number(1...10_000_000), default: "100000", "Clients connected to one worker at once.")
    static let connectSocketsPerAddressMax = Self(
        "connect.sockets-per-address-max", .number(1...10_000_000), default: "2000",
        "Clients of one address (IPv6: /64) on one worker at once; behind a load balancer set connect.address-header.")
    static let connectRateMax = Self(
        "connect.rate-max", .number(1...1_000_000), default: "2000",
        "Clients one worker lets log in or come back per second; bad tokens take nothing of it.")
    static let connectKeepaliveMs = Self(
        "connect.keepalive-ms", .number(0...600_000), default: "45000",
        "After so long without traffic a client is sent a ping, for the balancer on the way: 0 for none, or at least 1000."
    )
    static let connectDrainMs = Self(
        "connect.drain-ms", .number(0...600_000), default: "5000",
        "Over how long a worker told to stop closes its clients' sockets.")

    /// `heartbeat.<class>-interval-ms`: how often clients of a class of platforms promise to heartbeat.
    static func heartbeatIntervalMs(_ platformClass: PlatformClass) -> Self {
        Self(
            "heartbeat.\(platformClass)-interval-ms", heartbeatInterval,
            default: platformClass == .browser ? "25000" : "120000",
            "How often \(platformClass) clients are told to heartbeat.")
    }

    /// `heartbeat.<class>-timeout-ms`: how long the silence of such a client is borne.
    static func heartbeatTimeoutMs(_ platformClass: PlatformClass) -> Self {
        Self(
            "heartbeat.\(platformClass)-timeout-ms", heartbeatTimeout,
            default: platformClass == .browser ? "60000" : "400000",
            "The silence after which a \(platformClass) client is lost; at least twice its interval.")
    }

    /// All keys of the flags, the environment and the file, in the order they are shown.
    static let all: [ConfigurationKey] =
        [
            config, host, port, authAPIKeys, authReadKeys, authWriteKeys, authOperateKeys, httpBodyMaxBytes, logLevel,
            logFormat, redisURL, redisCAFile,
            redisCertificateFile, redisKeyFile, redisServerName, redisMinReplicas, redisPrefix, redisCommandTimeoutMs,
            redisAllowEviction, shards, stateFolder, loginPolicy, loginOnLimit, loginLimits,
        ]
        + PlatformClass.allCases.flatMap { [heartbeatIntervalMs($0), heartbeatTimeoutMs($0)] }
        + [
            pushRetentionMs, offlineRetentionMs, callbackURL, callbackTimeoutMs, callbackInFlightMax,
            callbackSignToken, callbackWebhookSecrets, callbackCAFile, callbackSendKicked, callbackSendExpired,
            eventsRetentionMs, eventsBacklogMax, feedStreamsMax, exportRateMax, outageGapMs, appID, appSecretKey,
            appAdmins,
            appUserSigMaxAgeMs, connectJWTSecrets, connectJWTPublicKeys, connectJWTAudience, connectJWTIssuer,
            connectOrigins, connectAddressHeader, connectSocketsMax, connectSocketsPerAddressMax, connectRateMax,
            connectKeepaliveMs, connectDrainMs,
        ]

    /// All of them, and for each secret the key of a file with it.
    static let known: [ConfigurationKey] = all + all.compactMap(\.fileKey)

    /// The keys of one platform, in the file only: they change a built-in platform or add one.
    static func platform(_ name: String) -> PlatformKeys {
        PlatformKeys(
            platformClass: Self(
                "platforms.\(name).class", .choice(PlatformClass.allCases.map(\.rawValue)),
                "What the platform is; required for a new one."),
            intervalMs: Self("platforms.\(name).interval-ms", heartbeatInterval, "Its heartbeat interval."),
            timeoutMs: Self("platforms.\(name).timeout-ms", heartbeatTimeout, "Its heartbeat timeout."),
            push: Self("platforms.\(name).push", .boolean, "Whether a lost client is reachable by push."),
            countsAs: Self(
                "platforms.\(name).counts-as", .text,
                "The platform whose limit its sessions count against, and in whose group login policies see it.")
        )
    }

    struct PlatformKeys {
        let platformClass: ConfigurationKey
        let intervalMs: ConfigurationKey
        let timeoutMs: ConfigurationKey
        let push: ConfigurationKey
        let countsAs: ConfigurationKey

        var all: [ConfigurationKey] { [platformClass, intervalMs, timeoutMs, push, countsAs] }
    }
}
