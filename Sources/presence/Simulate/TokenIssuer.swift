import Crypto
import Foundation
import JSON
import NIOCore
import UserSig

/// Makes the tokens simulated clients show.
enum TokenIssuer: Sendable {
    case userSig(UserSigKey)
    case jwt(secret: String)

    private static let lifetimeSeconds = 86_400

    /// A token of this user, issued now, good for a day.
    func token(of user: String) throws -> String {
        let now = Int(Date.now.timeIntervalSince1970)
        switch self {
        case .userSig(let key):
            return key.issue(to: user, issuedAt: now, lifetime: Self.lifetimeSeconds)
        case .jwt(let secret):
            let header = Self.base64URL(#"{"alg":"HS256","typ":"JWT"}"#.utf8)
            var claims = JSONWriter()
            claims.object {
                $0.member("sub", user)
                $0.member("exp", now + Self.lifetimeSeconds)
            }
            let content = header + "." + Self.base64URL(claims.buffer.readableBytesView)
            let key = SymmetricKey(data: Data(secret.utf8))
            return content + "." + Self.base64URL(HMAC<SHA256>.authenticationCode(for: Data(content.utf8), using: key))
        }
    }

    private static func base64URL(_ bytes: some Sequence<UInt8>) -> String {
        Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }
}
