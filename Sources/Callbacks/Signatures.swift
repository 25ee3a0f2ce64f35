import Crypto
import Foundation
import NIOCore
import PresenceCore

/// The query parameters that prove, to a receiver that knows the token, where a callback comes from.
enum TokenSignature {
    /// `Sign` = hex(sha256(token + RequestTime)); receivers refuse a RequestTime over 60 s old.
    /// - Parameter requestTime: unix time of the attempt in seconds.
    static func append(to query: inout String, token: String, requestTime: Int) {
        query.append("&Sign=")
        for byte in SHA256.hash(data: Data("\(token)\(requestTime)".utf8)) { query.appendHex(byte, digits: .lower) }
        query.append("&RequestTime=\(requestTime)")
    }
}

/// A secret of Standard Webhooks 1.0: `whsec_` and the base64 of 24 to 64 bytes.
package struct WebhookSecret: Sendable {
    package static let bytesAllowed = 24...64

    /// Has taken the key in and waits for what is signed.
    private let code: HMAC<SHA256>

    package init(_ text: String, field: String = "callback.webhook-secrets") throws(InvalidInput) {
        guard text.hasPrefix("whsec_"), let bytes = Data(base64Encoded: String(text.dropFirst(6))),
            Self.bytesAllowed.contains(bytes.count)
        else {
            throw InvalidInput(
                field: field,
                message: "must each be whsec_ and the base64 of \(Self.bytesAllowed.lowerBound) to "
                    + "\(Self.bytesAllowed.upperBound) bytes")
        }
        code = HMAC(key: SymmetricKey(data: bytes))
    }

    /// One word of `webhook-signature`.
    /// - Parameter preface: the id and the time, each followed by a dot.
    fileprivate func signature(preface: String, body: ByteBuffer) -> String {
        var code = code
        code.update(data: Data(preface.utf8))
        body.withUnsafeReadableBytes { code.update(data: $0) }
        return "v1," + Data(code.finalize()).base64EncodedString()
    }
}

/// The headers of Standard Webhooks 1.0.
enum WebhookSignature {
    /// One signature per secret, so that receivers can change theirs while both are in use; none without secrets.
    /// - Parameters:
    ///   - id: the change's id, the same on every attempt.
    ///   - timestamp: unix time of the attempt in seconds.
    static func headers(
        id: String, timestamp: Int, body: ByteBuffer, secrets: [WebhookSecret]
    ) -> [(name: String, value: String)] {
        guard !secrets.isEmpty else { return [] }
        let time = String(timestamp)
        let preface = "\(id).\(time)."
        let signatures = secrets.map { $0.signature(preface: preface, body: body) }
        return [
            ("webhook-id", id), ("webhook-timestamp", time), ("webhook-signature", signatures.joined(separator: " ")),
        ]
    }
}
