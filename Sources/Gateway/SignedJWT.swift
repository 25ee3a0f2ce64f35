import Foundation
import JWTKit

/// A JWT in its parts. Nothing of it counts before the signature does.
struct SignedJWT {
    private let signed: Data
    private let signature: Data
    private let algorithm: String
    private let payload: Data

    /// What of a payload counts. Times are Unix time in seconds.
    struct Claims: Decodable {
        var sub: String
        var exp: Double
        var nbf: Double?
        var iat: Double?
        var aud: Audience?
        var iss: String?
    }

    /// A text, or a list of them.
    struct Audience: Decodable {
        let values: [String]

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let value = try? container.decode(String.self) {
                values = [value]
            } else if let values = try? container.decode([String].self) {
                self.values = values
            } else {
                throw DecodingError.typeMismatch(
                    Self.self, .init(codingPath: decoder.codingPath, debugDescription: "neither a text nor a list"))
            }
        }
    }

    private struct Header: Decodable {
        var alg: String
        /// Extensions that have to be understood; none is.
        var crit: [String]?
    }

    /// nil for a text that is no JWT.
    init?(_ text: String) {
        let texts = text.split(separator: ".", omittingEmptySubsequences: false)
        let parts = texts.compactMap { Data(base64URLEncoded: $0) }
        guard texts.count == 3, parts.count == 3, let header = try? JSONDecoder().decode(Header.self, from: parts[0]),
            header.crit == nil
        else { return nil }
        signed = Data("\(texts[0]).\(texts[1])".utf8)
        signature = parts[2]
        algorithm = header.alg
        payload = parts[1]
    }

    /// Whether that key made the signature, by the algorithm the token names.
    func isSigned(with key: any JWTAlgorithm) -> Bool {
        algorithm == key.name && (try? key.verify(signature, signs: signed)) == true
    }

    func claims() throws(InvalidToken) -> Claims {
        do { return try JSONDecoder().decode(Claims.self, from: payload) } catch {
            throw InvalidToken(error)
        }
    }
}

extension InvalidToken {
    fileprivate init(_ error: any Error) {
        switch error {
        case DecodingError.keyNotFound(let claim, _):
            self.init("the token has no \(claim.stringValue)")
        case DecodingError.valueNotFound(_, let context) where !context.codingPath.isEmpty:
            self.init("the token has no \(context.codingPath[0].stringValue)")
        case DecodingError.typeMismatch(let type, let context) where !context.codingPath.isEmpty:
            let kind =
                switch type {
                case is String.Type: "string"
                case is SignedJWT.Audience.Type: "string or list of strings"
                default: "number"
                }
            self.init("the token's \(context.codingPath[0].stringValue) is no \(kind)")
        default: self.init("the token's claims are no JSON object")
        }
    }
}

extension Data {
    fileprivate init?(base64URLEncoded text: Substring) {
        let base64 = text.replacing("-", with: "+").replacing("_", with: "/")
        self.init(base64Encoded: base64 + String(repeating: "=", count: (4 - base64.utf8.count % 4) % 4))
    }
}
