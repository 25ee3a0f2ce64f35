import Foundation
import Gateway
import PresenceAPI
import PresenceCore
import UserSig

/// Where is listened, and who may come.
extension ConfigurationSources {
    func host() throws(StartError) -> String {
        let host: String = try required(.host)
        guard HostName.isValid(host) else {
            throw refused(.host, host, must: "an address or a name, without a scheme, a port or brackets")
        }
        return host
    }

    func keys() throws(StartError) -> APIKeys {
        let lists: [(ConfigurationKey, [Role])] = [
            (.authAPIKeys, Role.allCases), (.authReadKeys, [.read]), (.authWriteKeys, [.write]),
            (.authOperateKeys, [.operate]),
        ]
        return APIKeys(
            try lists.map { key, roles throws(StartError) in APIKeys.List(key.name, roles, try list(key)) })
    }

    func admins() throws(StartError) -> [String] {
        try list(.appAdmins).map { admin throws(StartError) in
            do throws(InvalidInput) { return try UserID(admin).rawValue } catch {
                throw refused(.appAdmins, because: "names a user that cannot be: one \(error.message)")
            }
        }
    }

    func connect() throws(StartError) -> GatewayOptions {
        var options = GatewayOptions()
        options.origins = try origins()
        options.addressHeader = try addressHeader()
        options.socketsMax = try required(.connectSocketsMax)
        options.socketsPerAddressMax = try required(.connectSocketsPerAddressMax)
        options.loginRateMax = try required(.connectRateMax)
        options.keepaliveMs = try keepaliveMs()
        options.drainMs = try required(.connectDrainMs)
        return options
    }

    /// A ping more often than once a second keeps nobody's connection.
    private func keepaliveMs() throws(StartError) -> Int {
        let keepaliveMs: Int = try required(.connectKeepaliveMs)
        guard keepaliveMs == 0 || keepaliveMs >= 1_000 else {
            throw refused(
                .connectKeepaliveMs, String(keepaliveMs), must: "0 for none, or a whole number from 1000 to 600000")
        }
        return keepaliveMs
    }

    private func origins() throws(StartError) -> [String] {
        try list(.connectOrigins).map { origin throws(StartError) in
            do throws(InvalidInput) { return try WebOrigin(origin).description } catch {
                throw refused(.connectOrigins, origin, must: error.message)
            }
        }
    }

    private func addressHeader() throws(StartError) -> String? {
        guard let name = try text(.connectAddressHeader) else { return nil }
        // RFC 9110: a token.
        guard name.utf8.allSatisfy({ $0.isAlphanumeric || "!#$%&'*+-.^_`|~".utf8.contains($0) }) else {
            throw refused(.connectAddressHeader, name, must: "the name of one header, as X-Forwarded-For")
        }
        guard !HeaderName.saysOtherThings(name) else {
            throw refused(
                .connectAddressHeader, name,
                must: "a header that holds the client's address, as X-Forwarded-For: this one says other things")
        }
        return name
    }

    func clientTokens() throws(StartError) -> ServiceConfiguration.TokenKeys {
        ServiceConfiguration.TokenKeys(
            jwtSecrets: try jwtSecrets(), jwtPublicKeys: try jwtPublicKeys(), audience: try text(.connectJWTAudience),
            issuer: try text(.connectJWTIssuer))
    }

    /// RFC 7518: no shorter than what HS256 makes of them.
    private func jwtSecrets() throws(StartError) -> [String] {
        let secrets = try list(.connectJWTSecrets)
        for secret in secrets where secret.utf8.count < 32 {
            throw refused(.connectJWTSecrets, secret, must: "secrets of at least 32 bytes")
        }
        return secrets
    }

    /// Of the files named.
    private func jwtPublicKeys() throws(StartError) -> [JWTPublicKey] {
        let key = ConfigurationKey.connectJWTPublicKeys
        return try list(key).map { path throws(StartError) in
            let reason: String
            do throws(TextFile.Unusable) {
                if let key = JWTPublicKey(pem: try TextFile.read(path, bytesMax: 65_536)) { return key }
                reason = "is no PEM of a public key, P-256 or RSA of at least 2048 bits"
            } catch {
                reason = error.reason
            }
            throw refused(key, because: "names \(path.debugDescription), which \(reason)")
        }
    }
}
