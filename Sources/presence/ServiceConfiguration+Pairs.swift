import PresenceAPI
import PresenceCore

/// What no key can be blamed for alone.
extension ServiceConfiguration {
    /// Refuses keys that are of no use without another, and those that rule each other out. Defaults never do.
    static func checkPairs(_ sources: ConfigurationSources) throws(StartError) {
        for (key, needed, reason) in needs where sources.given(key) != nil {
            if sources.given(needed) != nil { continue }
            throw sources.refused(
                key, because: "is of no use without \(needed.name) (\(reason)): set \(needed.name) too, or leave it out"
            )
        }
        let isJWTVerified = [ConfigurationKey.connectJWTSecrets, .connectJWTPublicKeys].contains {
            sources.given($0) != nil
        }
        for key in [ConfigurationKey.connectJWTAudience, .connectJWTIssuer]
        where sources.given(key) != nil && !isJWTVerified {
            throw sources.refused(
                key,
                because:
                    "is of no use without connect.jwt-secrets or connect.jwt-public-keys (no JWT can be verified): "
                    + "set one of them too, or leave it out")
        }
        if sources.given(.redisURL) != nil, sources.given(.stateFolder) != nil {
            throw sources.refused(
                .stateFolder,
                because: "is the folder of the private Redis, which redis.url replaces: leave one of them out")
        }
    }

    private static let needs: [(key: ConfigurationKey, needed: ConfigurationKey, reason: String)] =
        ConfigurationKey.all.filter { $0.name.hasPrefix("callback.") && $0.name != ConfigurationKey.callbackURL.name }
        .map { ($0, .callbackURL, "nobody is told of changes") }
        + [
            (.appID, .appSecretKey, "no usersig can be checked"),
            (.appSecretKey, .appID, "a usersig is one app's"),
            (.appAdmins, .appSecretKey, "the compatible API is off"),
            (.redisMinReplicas, .redisURL, "the private Redis has no replicas"),
            (.redisCertificateFile, .redisKeyFile, "nobody can show a certificate without its key"),
            (.redisKeyFile, .redisCertificateFile, "it is the key of a certificate"),
        ]

    func checkTogether(_ sources: ConfigurationSources) throws(StartError) {
        if keys.isEmpty, !Self.isLoopback(host) {
            throw sources.refused(
                .host, because: "is \"\(host)\", which others can reach: set auth.api-keys, or host to 127.0.0.1")
        }
        guard redisCommandTimeoutMs < outageGapMs else {
            throw StartError(
                .configuration,
                "redis.command-timeout-ms, \(redisCommandTimeoutMs), must be less than outage.gap-ms, \(outageGapMs), "
                    + "or one lost answer would count as an outage"
                    + "\(sources.places(of: [.redisCommandTimeoutMs, .outageGapMs])).")
        }
        for (platform, traits) in platforms.traits.sorted(by: { $0.key.name < $1.key.name }) {
            try check(traits, of: platform, sources)
        }
    }

    private func check(
        _ traits: PlatformTraits, of platform: Platform, _ sources: ConfigurationSources
    ) throws(StartError) {
        let (interval, timeout) = (traits.heartbeat.intervalMs, traits.heartbeat.timeoutMs)
        let keys = sources.heartbeatKeys(of: platform, traits.platformClass, in: platforms)
        if timeout < 2 * interval {
            throw StartError(
                .configuration,
                "The heartbeat timeout of \(platform), \(timeout) ms, must be at least twice its interval, \(interval) ms"
                    + "\(sources.places(of: keys)).")
        }
        if outageGapMs >= timeout - interval {
            throw StartError(
                .configuration,
                "outage.gap-ms, \(outageGapMs), must be less than the heartbeat timeout of \(platform) minus its interval, "
                    + "\(timeout) - \(interval) ms, or an outage could end sessions unnoticed"
                    + "\(sources.places(of: [.outageGapMs] + keys)).")
        }
    }

    /// Only addresses, not names, can be trusted to stay on this machine; `localhost` is the exception.
    private static func isLoopback(_ host: String) -> Bool {
        host == "localhost" || host == "::1"
            || host.hasPrefix("127.") && host.utf8.allSatisfy { $0 == UInt8(ascii: ".") || (0x30...0x39).contains($0) }
    }
}
