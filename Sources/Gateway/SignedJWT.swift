import Foundation
import JSON
import JWTKit
import NIOCore

/// A JWT in its parts. Nothing of it counts before the signature does.
struct SignedJWT {
    private let signed: Data
    private let signature: Data
    private let algorithm: String
    private let payload: Data

    /// What of a payload counts. Times are Unix time in seconds.
    struct Claims {
        var sub: String
        var exp: Double
        var nbf: Double?
        var iat: Double?
        var aud: [String]?
        var iss: String?
    }

    struct Header {
        var alg: String
    }

    /// nil for a text that is no JWT.
    init?(_ text: String) {
        let texts = text.split(separator: ".", omittingEmptySubsequences: false)
        let parts = texts.compactMap { Data(base64URLEncoded: $0) }
        guard texts.count == 3, parts.count == 3, let header = try? Header(json: ByteBuffer(bytes: parts[0])) else {
            return nil
        }
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
        do { return try Claims(json: ByteBuffer(bytes: payload)) } catch { throw InvalidToken(error) }
    }
}

extension SignedJWT.Header: JSONReadable {
    init(from json: inout JSONReader) throws(JSONError) {
        var alg: String?
        try json.beginObject()
        while let name = try json.nextMember() {
            switch name {
            case "alg": alg = try json.string()
            // Extensions that have to be understood; none is.
            case "crit": guard try json.null() else { throw json.refused("must be left out") }
            default: try json.skip()
            }
        }
        self.alg = try json.required(alg, "alg")
    }
}

extension SignedJWT.Claims: JSONReadable {
    init(from json: inout JSONReader) throws(JSONError) {
        var (sub, exp): (String?, Double?)
        try json.beginObject()
        while let name = try json.nextMember() {
            switch name {
            case "sub": sub = try json.stringOrNull()
            case "exp": exp = try json.doubleOrNull()
            case "nbf": nbf = try json.doubleOrNull()
            case "iat": iat = try json.doubleOrNull()
            case "aud": aud = try Self.audience(&json)
            case "iss": iss = try json.stringOrNull()
            default: try json.skip()
            }
        }
        self.sub = try json.required(sub, "sub")
        self.exp = try json.required(exp, "exp")
    }

    /// A text, or a list of them.
    private static func audience(_ json: inout JSONReader) throws(JSONError) -> [String]? {
        switch try json.nextKind() {
        case .string: [try json.string()]
        case .array: try json.strings()
        default: if try json.null() { nil } else { throw json.refused("must be a string or an array of strings") }
        }
    }
}

extension InvalidToken {
    fileprivate init(_ error: JSONError) {
        switch error.kind {
        case .missing(let claim): self.init("the token has no \(claim)")
        case .refused("", _), .malformed: self.init("the token's claims are no JSON object")
        case .refused(let claim, let message): self.init("the token's \(claim) \(message)")
        }
    }
}

extension Data {
    fileprivate init?(base64URLEncoded text: Substring) {
        let base64 = text.replacing("-", with: "+").replacing("_", with: "/")
        self.init(base64Encoded: base64 + String(repeating: "=", count: (4 - base64.utf8.count % 4) % 4))
    }
}
