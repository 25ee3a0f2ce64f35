import Foundation

/// A usersig as it travels: JSON, deflated, in base64 with `*`, `-` and `_` for `+`, `/` and `=`.
struct SignedUserSig {
    var sig: UserSig
    var signature: Data

    init(sig: UserSig, signature: Data) {
        self.sig = sig
        self.signature = signature
    }

    /// Takes the JSON's members in any order and spacing, and numbers also as strings: clients write both.
    init(_ text: String) throws(UserSigError) {
        guard text.utf8.count <= UserSigLimits.textBytesMax else { throw UserSigError(.unreadable) }
        let base64 = Data(text.utf8.map(Self.standard))
        // Foundation bears too much padding and stray last bits; what was signed has neither.
        guard let deflated = Data(base64Encoded: base64), deflated.base64EncodedData() == base64,
            let json = Zlib.inflated(Array(deflated), bytesMax: UserSigLimits.inflatedBytesMax),
            let members = try? JSONDecoder().decode(Members.self, from: Data(json)), members.version == "2.0",
            let signature = Data(base64Encoded: members.sig)
        else { throw UserSigError(.unreadable) }
        self.signature = signature
        sig = UserSig(
            identifier: members.identifier, sdkAppID: members.sdkAppID.value, issuedAt: members.time.value,
            lifetime: members.expire.value, userbuf: members.userbuf)
    }

    var text: String {
        let base64 = Data(Zlib.deflated(Array(json.utf8))).base64EncodedString()
        return String(decoding: base64.utf8.map(Self.urlSafe), as: UTF8.self)
    }

    private var json: String {
        var members = [
            #""TLS.ver": "2.0""#, #""TLS.identifier": \#(sig.identifier.quoted)"#, #""TLS.sdkappid": \#(sig.sdkAppID)"#,
            #""TLS.expire": \#(sig.lifetime)"#, #""TLS.time": \#(sig.issuedAt)"#,
        ]
        if let userbuf = sig.userbuf { members.append(#""TLS.userbuf": \#(userbuf.quoted)"#) }
        members.append(#""TLS.sig": "\#(signature.base64EncodedString())""#)
        return "{\(members.joined(separator: ", "))}"
    }

    private static func standard(_ byte: UInt8) -> UInt8 {
        switch byte {
        case UInt8(ascii: "*"): UInt8(ascii: "+")
        case UInt8(ascii: "-"): UInt8(ascii: "/")
        case UInt8(ascii: "_"): UInt8(ascii: "=")
        default: byte
        }
    }

    private static func urlSafe(_ byte: UInt8) -> UInt8 {
        switch byte {
        case UInt8(ascii: "+"): UInt8(ascii: "*")
        case UInt8(ascii: "/"): UInt8(ascii: "-")
        case UInt8(ascii: "="): UInt8(ascii: "_")
        default: byte
        }
    }
}

private struct Members: Decodable {
    var version: String
    var identifier: String
    var sdkAppID: WholeNumber
    var time: WholeNumber
    var expire: WholeNumber
    var userbuf: String?
    var sig: String

    enum CodingKeys: String, CodingKey {
        case version = "TLS.ver"
        case identifier = "TLS.identifier"
        case sdkAppID = "TLS.sdkappid"
        case time = "TLS.time"
        case expire = "TLS.expire"
        case userbuf = "TLS.userbuf"
        case sig = "TLS.sig"
    }
}

/// `7` or `"7"`.
private struct WholeNumber: Decodable {
    let value: Int

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let number = try (try? container.decode(Int.self)) ?? Int(container.decode(String.self))
        guard let number, (0...UserSigLimits.numberMax).contains(number) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "no whole number in range")
        }
        value = number
    }
}

extension String {
    /// As a JSON string.
    fileprivate var quoted: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .withoutEscapingSlashes
        guard let json = try? encoder.encode(self) else { preconditionFailure("Every string has a JSON form") }
        return String(decoding: json, as: UTF8.self)
    }
}
