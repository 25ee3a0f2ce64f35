import NIOSSL

/// Why a connection cannot be secured, where somebody has to mend it. Pure.
enum TLSFault: Error, Equatable {
    case untrusted
    case expired
    case notYetValid
    case wrongName
    /// The server does not speak TLS.
    case plain
    /// The server demands a certificate, or does not accept ours.
    case clientRefused
    /// They have no protocol or cipher in common, or one of them says no more.
    case disagreement

    /// - Parameters:
    ///   - validity: of the certificate the server showed, in seconds since 1970; nil if it showed none.
    ///   - now: in the same.
    /// - Returns: nil for what the network may have done.
    init?(_ error: any Error, validity: (from: Int, to: Int)?, now: Int) {
        switch error {
        case NIOSSLError.handshakeFailed(.sslError(let stack)) where stack != [.eofDuringHandshake]:
            self = Self.named(by: "\(stack)", validity, now: now) ?? .disagreement
        case BoringSSLError.sslError(let stack):
            guard let fault = Self.named(by: "\(stack)", validity, now: now) else { return nil }
            self = fault
        case let error as NIOSSLExtraError
        where error == .failedToValidateHostname || error == .serverHostnameImpossibleToMatch:
            self = .wrongName
        default: return nil
        }
    }

    /// - Parameter reason: with the names OpenSSL and BoringSSL give to errors and alerts.
    private static func named(by reason: String, _ validity: (from: Int, to: Int)?, now: Int) -> TLSFault? {
        func has(_ words: String...) -> Bool { words.contains { reason.contains($0) } }
        if has("WRONG_VERSION_NUMBER", "HTTP_REQUEST") { return .plain }
        if has("CERTIFICATE_VERIFY_FAILED") {
            guard let validity else { return .untrusted }
            return now > validity.to ? .expired : now < validity.from ? .notYetValid : .untrusted
        }
        let refusals = [
            "CERTIFICATE_REQUIRED", "BAD_CERTIFICATE", "UNSUPPORTED_CERTIFICATE", "CERTIFICATE_REVOKED",
            "CERTIFICATE_EXPIRED", "CERTIFICATE_UNKNOWN", "UNKNOWN_CA",
        ]
        return refusals.contains { reason.contains("ALERT_" + $0) } ? .clientRefused : nil
    }

    /// What to do about it.
    /// - Parameter name: what the certificate should be for.
    func advice(_ tls: RedisTLS, name: String, for endpoint: RedisEndpoint) -> String {
        switch self {
        case .untrusted where tls.authorityFile == nil:
            "Redis shows a certificate of a CA that is not trusted. Name a PEM file of its CA in redis.ca-file."
        case .untrusted:
            "Redis shows a certificate of a CA that is not in the file of redis.ca-file. Add its CA there."
        case .expired: "The certificate of Redis has expired. Give Redis a new one."
        case .notYetValid: "The certificate of Redis is not valid yet. Set the clocks of its machine and this one."
        case .wrongName:
            "The certificate of Redis is not for \(name). Write a name it is for into redis.server-name, or give Redis "
                + "another one."
        case .plain:
            "Redis does not speak TLS there. Write \(endpoint.scheme(isEncrypted: false)):// in redis.url, or its tls-port."
        case .clientRefused where tls.certificateFile == nil:
            "Redis demands a certificate. Set redis.certificate-file and redis.key-file."
        case .clientRefused:
            "Redis does not accept the certificate of redis.certificate-file. Name one that a CA it trusts has signed "
                + "and that has not expired."
        case .disagreement:
            "Redis and this service agree on no TLS connection. Look into the log of Redis: it may demand a certificate "
                + "(redis.certificate-file), or other protocols and ciphers."
        }
    }
}
