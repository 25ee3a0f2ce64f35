import Foundation
import Support
import Testing
import UserSig

@Suite("Whatever comes as a usersig ends in a code")
struct HostileInputTests {
    /// A mutation may leave what is signed as it is (padding bits of the container); it never changes it.
    private func expectRefusedOrSame(_ text: String, _ what: Comment) {
        do {
            let sig = try Vector.key.verify(text, of: Vector.identifier, at: Vector.time)
            #expect(sig == Vector.claims, what)
        } catch {
            #expect(UserSigError.Code.allCases.contains(error.code), what)
        }
    }

    @Test("Cut at any length it is unreadable", arguments: [Vector.deflated, Vector.stored])
    func truncations(_ text: String) {
        for length in 0..<text.utf8.count {
            #expect(Vector.refusal(String(text.prefix(length))) == .unreadable, "\(length)")
        }
    }

    @Test("With any bit flipped, of the text or of what it encodes", arguments: [Vector.deflated, Vector.stored])
    func bitFlips(_ text: String) throws {
        let standard = text.replacing("*", with: "+").replacing("-", with: "/").replacing("_", with: "=")
        let bytes = Array(try #require(Data(base64Encoded: standard)))
        for bit in 0..<8 * bytes.count {
            var flipped = bytes
            flipped[bit / 8] ^= 1 << (bit % 8)
            expectRefusedOrSame(Vector.base64(flipped), "bit \(bit) of the stream")
        }
        for bit in 0..<8 * text.utf8.count {
            var flipped = Array(text.utf8)
            flipped[bit / 8] ^= 1 << (bit % 8)
            expectRefusedOrSame(String(decoding: flipped, as: UTF8.self), "bit \(bit) of the text")
        }
    }

    @Test("With random bytes put in, taken out and changed")
    func mutations() {
        var generator = SeededGenerator(seed: 20_240_601)
        for round in 0..<20_000 {
            var bytes = Array((round % 2 == 0 ? Vector.deflated : Vector.stored).utf8)
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let at = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0..<3, using: &generator) {
                case 0: bytes[at] = .random(in: 0...255, using: &generator)
                case 1: bytes.remove(at: at)
                default: bytes.insert(.random(in: 0...255, using: &generator), at: at)
                }
            }
            expectRefusedOrSame(String(decoding: bytes, as: UTF8.self), "round \(round)")
        }
    }

    private static let otherJSON = [
        "", "{}", "[]", "null", "7", "\"x\"", "{", String(repeating: "[", count: 4_000), "\u{0}",
        #"{"TLS.ver":"1.0","TLS.identifier":"xiaojun","TLS.sdkappid":1,"TLS.expire":1,"TLS.time":1,"TLS.sig":""}"#,
        #"{"TLS.ver":"2.0","TLS.identifier":7,"TLS.sdkappid":1,"TLS.expire":1,"TLS.time":1,"TLS.sig":""}"#,
        #"{"TLS.ver":"2.0","TLS.identifier":"x","TLS.sdkappid":1,"TLS.expire":-1,"TLS.time":1,"TLS.sig":""}"#,
        #"{"TLS.ver":"2.0","TLS.identifier":"x","TLS.sdkappid":1,"TLS.expire":1e300,"TLS.time":1,"TLS.sig":""}"#,
        #"{"TLS.ver":"2.0","TLS.identifier":"x","TLS.sdkappid":1,"TLS.expire":9223372036854775807,"TLS.time":1,"#
            + #""TLS.sig":""}"#,
        #"{"TLS.ver":"2.0","TLS.identifier":"x","TLS.sdkappid":1.5,"TLS.expire":1,"TLS.time":1,"TLS.sig":""}"#,
        #"{"TLS.ver":"2.0","TLS.identifier":"x","TLS.sdkappid":"one","TLS.expire":1,"TLS.time":1,"TLS.sig":""}"#,
        #"{"TLS.ver":"2.0","TLS.identifier":"x","TLS.sdkappid":1,"TLS.expire":1,"TLS.time":1,"TLS.sig":"?"}"#,
    ]

    @Test("Around any other JSON it is unreadable", arguments: otherJSON)
    func unreadable(_ json: String) {
        #expect(Vector.refusal(Vector.wrapped(json)) == .unreadable)
    }

    @Test(
        "With an empty signature, or half of the right one, its verification fails",
        arguments: ["", "LvA7d/Iw7gSsnskvVzBDPA=="])
    func shortSignature(_ signature: String) {
        let json =
            #"{"TLS.ver":"2.0","TLS.identifier":"xiaojun","TLS.sdkappid":1400000000,"TLS.expire":15552000,"#
            + #""TLS.time":1700000000,"TLS.sig":"\#(signature)"}"#
        #expect(Vector.refusal(Vector.wrapped(json)) == .verificationFailed)
    }

    @Test(
        "With wrong or no padding, or letters of no base64, it is unreadable",
        arguments: ["_", "=", "==", "____", " ", "\n", "é", "\u{0}", "%2B", "Zg", "*-_"])
    func padding(_ wrong: String) {
        #expect(Vector.refusal(Vector.deflated + wrong) == .unreadable)
        #expect(Vector.refusal(wrong + Vector.deflated) == .unreadable)
        #expect(Vector.refusal(String(Vector.deflated.dropLast(2)) + wrong.prefix(1)) == .unreadable)
    }

    @Test("With something behind the stream it is unreadable")
    func trailing() throws {
        let json = #"{"TLS.ver":"2.0"}"#
        let stream = Vector.deflate(Array(json.utf8), level: 6)
        #expect(Vector.refusal(Vector.base64(stream + stream)) == .unreadable)
        #expect(Vector.refusal(Vector.base64(stream + [0])) == .unreadable)
    }

    @Test("Bombs and huge texts are unreadable")
    func bombs() {
        let bomb = Vector.base64(Vector.deflate([UInt8](repeating: 0x20, count: 4 << 20), level: 9))
        #expect(bomb.utf8.count < UserSigLimits.textBytesMax, "the bomb must get past the text's bound")
        #expect(Vector.refusal(bomb) == .unreadable)
        #expect(Vector.refusal(String(repeating: "A", count: 64 << 20)) == .unreadable)
    }

    @Test("The largest JSON that is read is the one of the bound")
    func bound() {
        func padded(to bytes: Int) -> String {
            let json =
                #"{"TLS.ver":"2.0","TLS.identifier":"xiaojun","TLS.sdkappid":1400000000,"TLS.expire":15552000,"#
                + #""TLS.time":1700000000,"TLS.sig":"\#(Vector.sig)"}"#
            return json + String(repeating: " ", count: bytes - json.utf8.count)
        }
        let most = UserSigLimits.inflatedBytesMax
        for level: Int32 in [0, 9] {
            #expect(Vector.refusal(Vector.wrapped(padded(to: most), level: level)) == nil)
            #expect(Vector.refusal(Vector.wrapped(padded(to: most + 1), level: level)) == .unreadable)
        }
    }
}
