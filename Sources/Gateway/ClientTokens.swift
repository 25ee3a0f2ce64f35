import Foundation
import JWTKit
import PresenceCore
import UserSig

/// Whether and how clients prove who they are.
package enum ClientTokens: Sendable {
    /// They need not: everybody who can reach this worker may call its API without a key, too.
    case notAsked
    /// Nobody can: nothing to verify a token with is configured.
    case notConfigured
    case verified(by: TokenVerifier)

    var areAsked: Bool { if case .notAsked = self { false } else { true } }

    /// - Returns: when the token was issued, Unix time in milliseconds; nil where none is asked for.
    func verify(_ token: String?, of user: UserID) throws(Refusal) -> Int? {
        switch self {
        case .notAsked: return nil
        case .notConfigured:
            throw .unauthorized(
                "The service cannot verify tokens: configure app.secret-key, connect.jwt-secrets or "
                    + "connect.jwt-public-keys.")
        case .verified(let verifier):
            do { return try verifier.verify(token ?? "", of: user.rawValue) } catch {
                throw .unauthorized(error.message)
            }
        }
    }
}

/// Checks a client's token: a usersig of the app, or a JWT signed with one of the keys.
package struct TokenVerifier: Sendable {
    private let userSigKey: UserSigKey?
    /// Whichever verifies the signature counts, so that keys can be replaced without a pause.
    private let jwtKeys: [any JWTAlgorithm]
    private let audience: String?
    private let issuer: String?

    /// - Parameters:
    ///   - jwtSecrets: shared secrets of HS256.
    ///   - jwtPublicKeys: PEM texts of public keys, P-256 for ES256 or RSA for RS256.
    ///   - audience: what the `aud` of a JWT must name; nil to accept only those without.
    ///   - issuer: what its `iss` must be; nil to accept any and none.
    /// - Throws: `InvalidKey` for a PEM that is neither.
    package init(
        userSigKey: UserSigKey?, jwtSecrets: [String], jwtPublicKeys: [String], audience: String?, issuer: String?
    ) async throws {
        self.userSigKey = userSigKey
        self.audience = audience
        self.issuer = issuer
        var keys: [any JWTAlgorithm] = []
        for secret in jwtSecrets {
            let key = HMACKey(from: secret)
            keys.append(try await JWTKeyCollection().add(hmac: key, digestAlgorithm: .sha256).getKey())
        }
        for (index, pem) in jwtPublicKeys.enumerated() {
            if let key = try? ES256PublicKey(pem: pem) {
                keys.append(try await JWTKeyCollection().add(ecdsa: key).getKey())
            } else if let key = try? Insecure.RSA.PublicKey(pem: pem) {
                keys.append(try await JWTKeyCollection().add(rsa: key, digestAlgorithm: .sha256).getKey())
            } else {
                throw InvalidKey(index: index)
            }
        }
        jwtKeys = keys
    }

    package struct InvalidKey: Error {
        /// Which of the public keys.
        package let index: Int
    }

    /// - Returns: when the token was issued, Unix time in milliseconds; a JWT without `iat` counts as issued at the
    ///   beginning of time, so every revocation ends it.
    func verify(_ token: String, of user: String) throws(InvalidToken) -> Int {
        let now = Int(Date().timeIntervalSince1970)
        guard token.utf8.count(where: { $0 == UInt8(ascii: ".") }) == 2 else {
            guard let userSigKey else {
                throw InvalidToken("the token must be a JWT: usersigs need app.id and app.secret-key")
            }
            do { return try userSigKey.verify(token, of: user, at: now).issuedAt * 1_000 } catch {
                throw InvalidToken("the usersig is not valid for this user now: issue a new one")
            }
        }
        guard let token = SignedJWT(token), jwtKeys.contains(where: token.isSigned) else {
            throw InvalidToken("the token is not signed with a key of this service, by the alg of that key")
        }
        let claims = try token.claims()
        guard claims.sub.isSameText(as: user) else {
            throw InvalidToken("the token is not this user's: its sub differs")
        }
        try checkAudience(of: claims)
        try checkIssuer(of: claims)
        guard Double(now) < claims.exp else { throw InvalidToken("the token has expired: issue a new one") }
        // Issued ahead of time it would survive every revocation until then.
        guard Double(now + UserSigLimits.clockSkewSecondsMax) >= max(claims.nbf ?? 0, claims.iat ?? 0) else {
            throw InvalidToken("the token is not valid yet: its nbf or iat lies ahead")
        }
        return Int(min(max(claims.iat ?? 0, 0), Double(now)) * 1_000)
    }

    /// RFC 7519, section 4.1.3: who does not find itself in an `aud` must reject the token, also who has no name.
    private func checkAudience(of claims: SignedJWT.Claims) throws(InvalidToken) {
        switch (audience, claims.aud) {
        case (nil, nil): return
        case (nil, _?):
            throw InvalidToken("the token has an aud, and this service no name to find in it: set connect.jwt-audience")
        case (_?, nil): throw InvalidToken("the token has no aud")
        case (let audience?, let values?):
            guard values.contains(where: audience.isSameText) else {
                throw InvalidToken("the token is not for this service: its aud differs")
            }
        }
    }

    private func checkIssuer(of claims: SignedJWT.Claims) throws(InvalidToken) {
        guard let issuer else { return }
        guard let iss = claims.iss else { throw InvalidToken("the token has no iss") }
        guard iss.isSameText(as: issuer) else { throw InvalidToken("the token is of another issuer: its iss differs") }
    }
}

extension String {
    /// Byte by byte: what Swift holds for equal strings may be two users.
    fileprivate func isSameText(as other: String) -> Bool { utf8.elementsEqual(other.utf8) }
}

/// Why a token does not count; safe to show to the client.
struct InvalidToken: Error {
    let message: String

    init(_ message: String) { self.message = message }
}
