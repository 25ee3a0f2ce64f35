import Crypto
import Foundation

/// An app's key: issues its usersigs and checks them.
package struct UserSigKey: Sendable {
    package let sdkAppID: Int
    private let key: SymmetricKey
    private let lifetimeMax: Int

    /// - Parameters:
    ///   - secretKey: as it stands: its ASCII text is the key, not what it may encode.
    ///   - lifetimeMax: seconds after which a usersig no longer counts, whatever lifetime it gives itself.
    package init(sdkAppID: Int, secretKey: String, lifetimeMax: Int = .max) {
        self.sdkAppID = sdkAppID
        self.lifetimeMax = min(lifetimeMax, UserSigLimits.numberMax)
        key = SymmetricKey(data: Data(secretKey.utf8))
    }

    /// A usersig, byte for byte as the reference implementation in Python writes it.
    /// - Parameters:
    ///   - issuedAt: Unix time in seconds.
    ///   - lifetime: in seconds.
    ///   - userbuf: the base64 of bytes to be signed along.
    package func issue(to identifier: String, issuedAt: Int, lifetime: Int, userbuf: String? = nil) -> String {
        let sig = UserSig(
            identifier: identifier, sdkAppID: sdkAppID, issuedAt: issuedAt, lifetime: lifetime, userbuf: userbuf)
        let code = HMAC<SHA256>.authenticationCode(for: Data(sig.content.utf8), using: key)
        return SignedUserSig(sig: sig, signature: Data(code)).text
    }

    /// What a usersig says that counts for this identifier now. What it claims is compared first, since a wrong
    /// app or user explains a wrong signature; nothing of a usersig is believed before its signature is checked.
    /// - Parameter now: Unix time in seconds.
    package func verify(
        _ text: String, of identifier: String, at now: Int
    ) throws(UserSigError) -> UserSig {
        let signed = try SignedUserSig(text)
        let sig = signed.sig
        guard sig.sdkAppID == sdkAppID else { throw UserSigError(.sdkAppIDDiffers) }
        // Bytes: to `String`, two spellings of one accent are the same.
        guard sig.identifier.utf8.elementsEqual(identifier.utf8) else { throw UserSigError(.identifierDiffers) }
        guard
            HMAC<SHA256>.isValidAuthenticationCode(
                signed.signature, authenticating: Data(sig.content.utf8), using: key)
        else { throw UserSigError(.verificationFailed) }
        // One dated further ahead would outlive the kick that is to revoke it.
        guard sig.issuedAt <= now + UserSigLimits.clockSkewSecondsMax else { throw UserSigError(.verificationFailed) }
        guard now <= sig.issuedAt + min(sig.lifetime, lifetimeMax) else { throw UserSigError(.expired) }
        return sig
    }
}
