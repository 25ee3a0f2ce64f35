// UserSig: the login ticket of Tencent Cloud Chat (TLSSigAPI v2), made and checked.
//
// Promises: whatever text comes in, the answer is what a ticket says that was signed with the app's key for this
// app and this identifier and is valid now, or one of five codes. The memory a text can make it use is bounded,
// and signatures are compared in constant time.
// Does not: read a clock, know users or administrators, remember which tickets were revoked.

/// What a usersig says. Times are Unix time in seconds: the format has nothing finer.
package struct UserSig: Sendable, Equatable {
    package var identifier: String
    package var sdkAppID: Int
    package var issuedAt: Int
    /// Seconds from `issuedAt` in which it is valid, the last included.
    package var lifetime: Int
    /// The base64 of what the app had signed along, where it did.
    package var userbuf: String?

    package init(identifier: String, sdkAppID: Int, issuedAt: Int, lifetime: Int, userbuf: String? = nil) {
        self.identifier = identifier
        self.sdkAppID = sdkAppID
        self.issuedAt = issuedAt
        self.lifetime = lifetime
        self.userbuf = userbuf
    }

    /// The lines that are signed.
    var content: String {
        var lines = [
            "TLS.identifier:\(identifier)", "TLS.sdkappid:\(sdkAppID)", "TLS.time:\(issuedAt)",
            "TLS.expire:\(lifetime)",
        ]
        if let userbuf { lines.append("TLS.userbuf:\(userbuf)") }
        return lines.map { "\($0)\n" }.joined()
    }
}

/// What one usersig may cost.
package enum UserSigLimits {
    /// The text. The largest JSON takes 5.5 kB of it even without compression.
    package static let textBytesMax = 8_192
    /// The JSON inside. The longest identifier with every byte escaped takes 1 kB; the rest is for a userbuf.
    package static let inflatedBytesMax = 4_096
    /// How far the issuer's clock may be ahead.
    package static let clockSkewSecondsMax = 300
    /// A number inside; far from where sums overflow.
    static let numberMax = 1 << 40
}
