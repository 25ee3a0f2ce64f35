import Foundation
import JSON
import NIOCore

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
            let members = try? Members(json: ByteBuffer(bytes: json)), members.version == "2.0",
            let signature = Data(base64Encoded: members.sig)
        else { throw UserSigError(.unreadable) }
        self.signature = signature
        sig = UserSig(
            identifier: members.identifier, sdkAppID: members.sdkAppID, issuedAt: members.time,
            lifetime: members.expire, userbuf: members.userbuf)
    }

    var text: String {
        let base64 = Data(Zlib.deflated(Array(json.utf8))).base64EncodedString()
        return String(decoding: base64.utf8.map(Self.urlSafe), as: UTF8.self)
    }

    private var json: String {
        var members = [
            #""TLS.ver": "2.0""#, #""TLS.identifier": \#(String(buffer: sig.identifier.json))"#,
            #""TLS.sdkappid": \#(sig.sdkAppID)"#, #""TLS.expire": \#(sig.lifetime)"#, #""TLS.time": \#(sig.issuedAt)"#,
        ]
        if let userbuf = sig.userbuf { members.append(#""TLS.userbuf": \#(String(buffer: userbuf.json))"#) }
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

private struct Members: JSONReadable {
    var version: String
    var identifier: String
    var sdkAppID: Int
    var time: Int
    var expire: Int
    var userbuf: String?
    var sig: String

    init(from json: inout JSONReader) throws(JSONError) {
        var (version, identifier, sig): (String?, String?, String?)
        var (sdkAppID, time, expire): (Int?, Int?, Int?)
        try json.beginObject()
        while let name = try json.nextMember() {
            switch name {
            case "TLS.ver": version = try json.string()
            case "TLS.identifier": identifier = try json.string()
            case "TLS.sdkappid": sdkAppID = try Self.wholeNumber(&json)
            case "TLS.time": time = try Self.wholeNumber(&json)
            case "TLS.expire": expire = try Self.wholeNumber(&json)
            case "TLS.userbuf": userbuf = try json.stringOrNull()
            case "TLS.sig": sig = try json.string()
            default: try json.skip()
            }
        }
        self.version = try json.required(version, "TLS.ver")
        self.identifier = try json.required(identifier, "TLS.identifier")
        self.sdkAppID = try json.required(sdkAppID, "TLS.sdkappid")
        self.time = try json.required(time, "TLS.time")
        self.expire = try json.required(expire, "TLS.expire")
        self.sig = try json.required(sig, "TLS.sig")
    }

    /// `7` or `"7"`.
    private static func wholeNumber(_ json: inout JSONReader) throws(JSONError) -> Int {
        let number = try json.nextKind() == .number ? json.int() : Int(json.string())
        guard let number, (0...UserSigLimits.numberMax).contains(number) else {
            throw json.refused("must be a whole number from 0 to \(UserSigLimits.numberMax)")
        }
        return number
    }
}
