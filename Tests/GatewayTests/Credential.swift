import Crypto
import CryptoExtras
import Foundation
import JWTKit
import Support
import Testing
import UserSig

/// Something a client shows as its token.
struct Credential: Sendable, CustomTestStringConvertible {
    let testDescription: String
    /// The token a user gets.
    let token: @Sendable (_ user: String) async throws -> String

    init(_ description: String, token: @escaping @Sendable (_ user: String) async throws -> String) {
        testDescription = description
        self.token = token
    }

    /// Where a client can put it.
    enum Place: CaseIterable, Sendable {
        case query
        case subprotocol
        case message
    }
}

/// The keys of an app, and what it signs with them.
enum Issuer {
    static let sdkAppID = 1_400_000_000
    static let userSigKey = UserSigKey(sdkAppID: sdkAppID, secretKey: secretKey)
    private static let secretKey = "5bd2850fff3ecb11d7c805251c51ee463a25727bddc2385f3fa8bfee1bb93b5e"
    private static let secret = "a-secret-that-clients-do-not-know-at-all"
    static let secrets = [secretKey, secret]
    private static let ecdsa = ES256PrivateKey()
    private static let rsa = try! newRSA()

    /// What a worker needs to know; the folder gets the public keys.
    static func settings(_ folder: String) throws -> [String: String] {
        let files = try [ecdsa.publicKey.pemRepresentation, rsa.publicKey.pemRepresentation].enumerated().map {
            let path = "\(folder)/\($0).pem"
            try $1.write(toFile: path, atomically: true, encoding: .utf8)
            return path
        }
        return Deployment.longTimeouts.merging([
            "app.id": "\(sdkAppID)", "app.secret-key": secretKey,
            "connect.jwt-secrets": "an-older-secret-still-good-for-a-while,\(secret)",
            "connect.jwt-public-keys": files.joined(separator: ","),
        ]) { $1 }
    }

    /// How a JWT is signed.
    enum Signing: CaseIterable, Sendable {
        case hs256, es256, rs256
        case otherHS256, otherES256, otherRS256
        /// A public key's text taken for a secret.
        case hs256ES256PEM, hs256RS256PEM

        static let ours: [Signing] = [.hs256, .es256, .rs256]
        static let others: [Signing] = [.otherHS256, .otherES256, .otherRS256, .hs256ES256PEM, .hs256RS256PEM]

        fileprivate func add(to keys: JWTKeyCollection) async throws {
            switch self {
            case .hs256: await keys.add(hmac: HMACKey(from: secret), digestAlgorithm: .sha256)
            case .otherHS256:
                await keys.add(
                    hmac: HMACKey(from: "a secret that this service does not know"), digestAlgorithm: .sha256)
            case .hs256ES256PEM:
                await keys.add(hmac: HMACKey(from: ecdsa.publicKey.pemRepresentation), digestAlgorithm: .sha256)
            case .hs256RS256PEM:
                await keys.add(hmac: HMACKey(from: rsa.publicKey.pemRepresentation), digestAlgorithm: .sha256)
            case .es256: await keys.add(ecdsa: ecdsa)
            case .otherES256: await keys.add(ecdsa: ES256PrivateKey())
            case .rs256: await keys.add(rsa: rsa, digestAlgorithm: .sha256)
            case .otherRS256: await keys.add(rsa: try newRSA(), digestAlgorithm: .sha256)
            }
        }
    }

    /// A JWT. Times are seconds from now; nil leaves one out.
    static func jwt(
        _ user: String?, _ signing: Signing = .hs256, exp: Double? = 3_600, iat: Double? = nil, nbf: Double? = nil,
        kid: String? = nil
    ) async throws -> String {
        let keys = JWTKeyCollection()
        try await signing.add(to: keys)
        let now = Date().timeIntervalSince1970.rounded(.down)
        let claims = Claims(sub: user, exp: exp.map { now + $0 }, iat: iat.map { now + $0 }, nbf: nbf.map { now + $0 })
        return try await keys.sign(claims, header: kid.map { ["kid": .string($0)] } ?? [:])
    }

    static func userSig(_ user: String, key: UserSigKey = userSigKey, issued seconds: Int = 0) -> String {
        key.issue(to: user, issuedAt: Int(Date().timeIntervalSince1970) + seconds, lifetime: 3_600)
    }

    /// A usersig of the greatest length.
    static func longestUserSig(_ user: String) throws -> String {
        let now = Int(Date().timeIntervalSince1970)
        return try #require(
            (3_600..<3_700).lazy.compactMap { filled(userSigKey.issue(to: user, issuedAt: now, lifetime: $0)) }.first)
    }

    /// The usersig with empty blocks before its deflated bytes; nil if no number of them gives the greatest length.
    private static func filled(_ userSig: String) -> String? {
        let block: [UInt8] = [0, 0, 0, 0xFF, 0xFF]
        let base64 = userSig.replacing("*", with: "+").replacing("-", with: "/").replacing("_", with: "=")
        guard var deflated = Data(base64Encoded: base64) else { return nil }
        let missing = UserSigLimits.textBytesMax / 4 * 3 - deflated.count
        let blocks = repeatElement(block, count: missing / block.count).joined()
        // The first two bytes are zlib's header.
        deflated.insert(contentsOf: Array(blocks), at: 2)
        let text = deflated.base64EncodedString()
            .replacing("+", with: "*").replacing("/", with: "-").replacing("=", with: "_")
        return text.utf8.count == UserSigLimits.textBytesMax ? text : nil
    }

    /// A JWT with just this header, which may say another algorithm than the HS256 it is signed with.
    /// - Parameter claims: in base64url.
    static func hs256(_ header: String, claims: String) -> String {
        let signed = "\(Data(header.utf8).base64URLEncoded).\(claims)"
        let code = HMAC<SHA256>.authenticationCode(
            for: Data(signed.utf8), using: SymmetricKey(data: Data(secret.utf8)))
        return "\(signed).\(Data(code).base64URLEncoded)"
    }

    private struct Claims: JWTPayload {
        var sub: String?
        var exp: Double?
        var iat: Double?
        var nbf: Double?

        func verify(using algorithm: some JWTAlgorithm) {}
    }

    private static func newRSA() throws -> JWTKit.Insecure.RSA.PrivateKey {
        try JWTKit.Insecure.RSA.PrivateKey(backing: _RSA.Signing.PrivateKey(keySize: .bits2048))
    }
}

extension Data {
    var base64URLEncoded: String {
        base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }
}

extension Deployment {
    /// Runs the body with the socket of a client that has shown this token.
    func withToken<Result: Sendable>(
        _ token: String, of user: String, in place: Credential.Place = .query, session: String = "",
        body: (RawWebSocket) async throws -> Result
    ) async throws -> Result {
        switch place {
        case .query:
            return try await withSocket(user, query: ["token": token, "session": session], body: body)
        case .subprotocol:
            let headers = ["Sec-WebSocket-Protocol": "presence, token.\(token)"]
            return try await withSocket(user, query: ["session": session], headers: headers, body: body)
        case .message:
            return try await withSocket(user, query: ["session": session]) { socket in
                socket.send(.text(#"{"type":"token","token":"\#(token)"}"#))
                return try await body(socket)
            }
        }
    }

    /// Neither a token nor the end of one, which is secret enough, stands in a log.
    func expectNotLogged(_ token: String) {
        guard !token.isEmpty else { return }
        for worker in workers { #expect(!worker.log.contains(token.suffix(20)), "a token is logged") }
    }
}
