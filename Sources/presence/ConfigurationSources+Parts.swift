import Callbacks
import Foundation
import Gateway
import PresenceCore
import RedisClient

/// The parts of `ServiceConfiguration` that take more than one key, or more than the key's kind to check.
extension ConfigurationSources {
    func redis() throws(StartError) -> RedisEndpoint? {
        guard let url = try text(.redisURL) else { return nil }
        do {
            return try RedisEndpoint(url)
        } catch {
            throw StartError(.configuration, error.message)
        }
    }

    func redisPrefix() throws(StartError) -> String {
        let prefix: String = try required(.redisPrefix)
        let isName = prefix.utf8.allSatisfy { byte in
            Character(Unicode.Scalar(byte)).isLetter && byte < 0x80 || (0x30...0x39).contains(byte)
                || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
        }
        guard isName, prefix.utf8.count <= 32 else {
            throw ConfigurationKey.redisPrefix.refused(prefix, must: "1 to 32 of A-Z a-z 0-9 _ -")
        }
        return prefix
    }

    func stateFolder(environment: [String: String]) throws(StartError) -> String {
        if let folder = try text(.stateFolder) { return folder }
        if let state = environment["XDG_STATE_HOME"], state.hasPrefix("/") { return state + "/presence" }
        guard let home = environment["HOME"], home.hasPrefix("/") else {
            throw StartError(.configuration, "There is no home folder to keep state in: set state.folder or redis.url.")
        }
        return home + "/.local/state/presence"
    }

    /// The built-in platforms with the timings of their classes, then what the file says about each.
    func platforms() throws(StartError) -> PlatformTable {
        var timings: [PlatformClass: HeartbeatTiming] = [:]
        for platformClass in PlatformClass.allCases {
            timings[platformClass] = HeartbeatTiming(
                intervalMs: try required(.heartbeatIntervalMs(platformClass)),
                timeoutMs: try required(.heartbeatTimeoutMs(platformClass)))
        }
        var table = PlatformTable()
        for (platform, traits) in table.traits {
            table[platform].heartbeat = timings[traits.platformClass] ?? traits.heartbeat
        }
        for name in platformNames {
            let (platform, traits) = try self.platform(named: name, in: table, timings: timings)
            table[platform] = traits
        }
        for (platform, traits) in table.traits where table.traits[traits.countsAs]?.countsAs != traits.countsAs {
            throw ConfigurationKey.platform(platform.name).countsAs
                .refused(traits.countsAs.name, must: "a platform that counts as itself")
        }
        return table
    }

    private func platform(
        named name: String, in table: PlatformTable, timings: [PlatformClass: HeartbeatTiming]
    ) throws(StartError) -> (Platform, PlatformTraits) {
        let keys = ConfigurationKey.platform(name)
        do {
            let platform = try (try? table.platform(named: name)) ?? Platform(name)
            let known = table.traits[platform]
            guard let platformClass = try choice(keys.platformClass) ?? known?.platformClass else {
                throw StartError(.configuration, "\(keys.platformClass.name) must be given for a new platform.")
            }
            var traits = PlatformTraits(
                platformClass: platformClass, heartbeat: timings[platformClass] ?? .app,
                hasPush: known?.hasPush ?? (platformClass == .mobile), countsAs: known?.countsAs ?? platform)
            if let interval = try number(keys.intervalMs) { traits.heartbeat.intervalMs = interval }
            if let timeout = try number(keys.timeoutMs) { traits.heartbeat.timeoutMs = timeout }
            if let push = try boolean(keys.push) { traits.hasPush = push }
            if let other = try text(keys.countsAs) { traits.countsAs = try Platform(other, field: keys.countsAs.name) }
            return (platform, traits)
        } catch let error as StartError {
            throw error
        } catch {
            throw StartError(.configuration, "platforms.\(name) is no platform: its name must be letters and digits.")
        }
    }

    func login(on platforms: PlatformTable) throws(StartError) -> LoginLimits {
        let key = ConfigurationKey.loginLimits
        var limits = LoginLimits(policy: try required(.loginPolicy), onLimit: try required(.loginOnLimit))
        for entry in try list(key) {
            let parts = entry.split(separator: "=", omittingEmptySubsequences: false)
            guard parts.count == 2, let platform = try? platforms.platform(named: String(parts[0])),
                let limit = Int(parts[1]), (1...LoginLimits.instancesMax).contains(limit)
            else {
                throw key.refused(
                    entry, must: "a platform's name, = and a number from 1 to \(LoginLimits.instancesMax)")
            }
            guard platforms[platform].countsAs == platform else {
                throw key.refused(
                    entry, must: "set for \(platforms[platform].countsAs), which \(platform) counts as")
            }
            limits.instances[platform] = limit
        }
        return limits
    }

    func connect() throws(StartError) -> GatewayOptions {
        var options = GatewayOptions()
        options.origins = try list(.connectOrigins)
        options.addressHeader = try text(.connectAddressHeader)
        options.socketsMax = try required(.connectSocketsMax)
        options.socketsPerAddressMax = try required(.connectSocketsPerAddressMax)
        options.loginRateMax = try required(.connectRateMax)
        options.keepaliveMs = try keepaliveMs()
        options.drainMs = try required(.connectDrainMs)
        return options
    }

    /// A ping more often than once a second keeps nobody's connection.
    private func keepaliveMs() throws(StartError) -> Int {
        let key = ConfigurationKey.connectKeepaliveMs
        let keepaliveMs: Int = try required(key)
        guard keepaliveMs == 0 || keepaliveMs >= 1_000 else {
            throw key.refused(String(keepaliveMs), must: "0 for none, or a whole number from 1000 to 600000")
        }
        return keepaliveMs
    }

    func clientTokens() throws(StartError) -> ServiceConfiguration.TokenKeys {
        let keys = ServiceConfiguration.TokenKeys(
            jwtSecrets: try jwtSecrets(), jwtPublicKeys: try jwtPublicKeys(), audience: try text(.connectJWTAudience),
            issuer: try text(.connectJWTIssuer))
        let isJWTVerified = !keys.jwtSecrets.isEmpty || !keys.jwtPublicKeys.isEmpty
        for (key, value) in [
            (ConfigurationKey.connectJWTAudience, keys.audience), (.connectJWTIssuer, keys.issuer),
        ] where value != nil && !isJWTVerified {
            throw StartError(
                .configuration,
                "\(key.name) is set but no JWT can be verified: set connect.jwt-secrets or connect.jwt-public-keys.")
        }
        return keys
    }

    /// RFC 7518: no shorter than what HS256 makes of them.
    private func jwtSecrets() throws(StartError) -> [String] {
        let secrets = try list(.connectJWTSecrets)
        for secret in secrets where secret.utf8.count < 32 {
            throw ConfigurationKey.connectJWTSecrets.refused(secret, must: "secrets of at least 32 bytes")
        }
        return secrets
    }

    /// The texts of the files named.
    private func jwtPublicKeys() throws(StartError) -> [String] {
        let key = ConfigurationKey.connectJWTPublicKeys
        return try list(key).map { path throws(StartError) in
            do { return try String(contentsOfFile: path, encoding: .utf8) } catch {
                throw key.refused(path, must: "files that can be read")
            }
        }
    }

    func callback() throws(StartError) -> CallbackOptions? {
        guard let url = try text(.callbackURL) else { return nil }
        var extensions: Set<Reason> = []
        if try required(.callbackSendKicked) { extensions.insert(.kicked) }
        if try required(.callbackSendExpired) { extensions.insert(.expired) }
        do {
            let url = try CallbackURL(url)
            return CallbackOptions(
                url: url, timeoutMs: try required(.callbackTimeoutMs),
                sdkAppID: try number(.appID) ?? 0, signToken: try text(.callbackSignToken),
                webhookSecrets: try list(.callbackWebhookSecrets).map { try WebhookSecret($0) }, extensions: extensions,
                trusted: try trustedCertificates(for: url))
        } catch let error as InvalidInput {
            throw StartError(.configuration, "\(error.field) \(error.message).")
        } catch let error as StartError {
            throw error
        } catch {
            throw StartError(.configuration, "callback.url cannot be used.", underlying: error)
        }
    }

    private func trustedCertificates(for url: CallbackURL) throws(StartError) -> TrustedCertificates {
        guard let path = try text(.callbackCAFile) else { return .system }
        guard url.isHTTPS else {
            throw StartError(
                .configuration,
                "callback.ca-file is set but callback.url is not https: without TLS no certificate is shown.")
        }
        guard let certificates = TrustedCertificates(pemFile: path) else {
            throw ConfigurationKey.callbackCAFile.refused(
                path, must: "a PEM file that can be read and holds a certificate")
        }
        return certificates
    }
}
