import PresenceCore
import RedisClient

/// Where Redis is.
extension ConfigurationSources {
    func redis() throws(StartError) -> RedisEndpoint? {
        try given(.redisURL).map { value throws(StartError) in try Self.endpoint(value) }
    }

    /// Reads the URL again from its file; nil if it stands in none.
    func redisAnew() -> (@Sendable () throws -> RedisEndpoint)? {
        guard let fileKey = ConfigurationKey.redisURL.fileKey, let place = given(.redisURL)?.place,
            case .secretFile(let path, let named) = place
        else { return nil }
        return { try Self.endpoint(Self.secret(fileKey, in: path, named: named)) }
    }

    private static func endpoint(_ value: ConfigurationValue) throws(StartError) -> RedisEndpoint {
        let url = try ConfigurationKey.redisURL.entries(of: value)[0]
        do {
            return try RedisEndpoint(url)
        } catch {
            throw StartError(.configuration, error.message.dropLast() + "; it is \(value.place).")
        }
    }

    /// - Throws: also if a file cannot be used, so that the start tells where it is named.
    func redisTLS(for endpoint: RedisEndpoint?) throws(StartError) -> RedisTLS {
        let keys: [ConfigurationKey] = [.redisCAFile, .redisCertificateFile, .redisKeyFile, .redisServerName]
        if let key = keys.first(where: { given($0) != nil }), endpoint?.isEncrypted != true {
            throw refused(
                key, because: "is set but redis.url does not begin with rediss: without TLS no certificate is shown")
        }
        let tls = RedisTLS(
            authorityFile: try text(.redisCAFile), certificateFile: try text(.redisCertificateFile),
            keyFile: try text(.redisKeyFile), serverName: try redisServerName())
        do throws(RedisTLS.Unusable) { try tls.check() } catch {
            guard let key = keys.first(where: { $0.name == error.file.rawValue }) else {
                preconditionFailure("a key's")
            }
            throw refused(key, because: "names \(error.path.debugDescription), which \(error.reason)")
        }
        return tls
    }

    private func redisServerName() throws(StartError) -> String? {
        guard let name = try text(.redisServerName) else { return nil }
        guard HostName.isValid(name), NetworkAddress(name) == nil else {
            throw refused(
                .redisServerName, name, must: "a name, as redis.example.org: an address is checked without it")
        }
        return name
    }

    func redisPrefix() throws(StartError) -> String {
        let prefix: String = try required(.redisPrefix)
        guard prefix.utf8.allSatisfy({ $0.isAlphanumeric || "_-".utf8.contains($0) }), prefix.utf8.count <= 32 else {
            throw refused(.redisPrefix, prefix, must: "1 to 32 of A-Z a-z 0-9 _ -")
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
}
