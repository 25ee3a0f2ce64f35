import Crypto
import Foundation
import PresenceCore

/// The query parameters that prove, to a receiver that knows the token, where a callback comes from.
enum TokenSignature {
    /// `Sign` = hex(sha256(token + RequestTime)); receivers refuse a RequestTime over 60 s old.
    /// - Parameter requestTime: unix time of the attempt in seconds.
    static func parameters(token: String, requestTime: Int) -> [(name: String, value: String)] {
        let digest = SHA256.hash(data: Data("\(token)\(requestTime)".utf8))
        let hex = digest.map { ($0 < 0x10 ? "0" : "") + String($0, radix: 16) }.joined()
        return [("Sign", hex), ("RequestTime", String(requestTime))]
    }
}

/// A secret of Standard Webhooks 1.0: `whsec_` and the base64 of 24 to 64 bytes.
package struct WebhookSecret: Sendable {
    package static let bytesAllowed = 24...64

    fileprivate let key: SymmetricKey

    package init(_ text: String, field: String = "callback.webhook-secrets") throws(InvalidInput) {
        guard text.hasPrefix("whsec_"), let bytes = Data(base64Encoded: String(text.dropFirst(6))),
            Self.bytesAllowed.contains(bytes.count)
        else {
            throw InvalidInput(
                field: field,
                message: "must each be whsec_ and the base64 of \(Self.bytesAllowed.lowerBound) to "
                    + "\(Self.bytesAllowed.upperBound) bytes")
        }
        key = SymmetricKey(data: bytes)
    }
}

/// The headers of Standard Webhooks 1.0.
enum WebhookSignature {
    /// One signature per secret, so that receivers can change theirs while both are in use; none without secrets.
    /// - Parameters:
    ///   - id: the change's id, the same on every attempt.
    ///   - timestamp: unix time of the attempt in seconds.
    static func headers(
        id: String, timestamp: Int, body: String, secrets: [WebhookSecret]
    ) -> [(name: String, value: String)] {
        guard !secrets.isEmpty else { return [] }
        let signed = Data("\(id).\(timestamp).\(body)".utf8)
        let signatures = secrets.map { secret in
            "v1," + Data(HMAC<SHA256>.authenticationCode(for: signed, using: secret.key)).base64EncodedString()
        }
        return [
            ("webhook-id", id), ("webhook-timestamp", String(timestamp)),
            ("webhook-signature", signatures.joined(separator: " ")),
        ]
    }
}
