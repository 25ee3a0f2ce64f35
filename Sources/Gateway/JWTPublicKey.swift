import JWTKit

/// A public key that verifies JWTs.
package enum JWTPublicKey: Sendable {
    /// For ES256.
    case p256(ES256PublicKey)
    /// For RS256.
    case rsa(Insecure.RSA.PublicKey)

    /// - Returns: nil for a text that is not the PEM of such a key; RSA has at least 2048 bits.
    package init?(pem: String) {
        if let key = try? ES256PublicKey(pem: pem) {
            self = .p256(key)
        } else if let key = try? Insecure.RSA.PublicKey(pem: pem) {
            self = .rsa(key)
        } else {
            return nil
        }
    }
}
