import PresenceCore
import Testing

@Suite("Percent-encoding is undone byte by byte, or refused")
struct PercentEncodingTests {
    private static let bom: [UInt8] = [0xEF, 0xBB, 0xBF]
    private static let alice = Array("alice".utf8)

    private func decoded(_ text: String, plusIsBlank: Bool = false) -> [UInt8]? {
        String(percentEncoded: text.utf8, plusIsBlank: plusIsBlank).map { Array($0.utf8) }
    }

    @Test(
        "What was encoded comes out, and nothing is taken away",
        arguments: [
            ("", []), ("alice", alice), ("%61lice", alice), ("%61%6C%69%63%65", alice), ("%6c%6C", Array("ll".utf8)),
            ("a%2Fb%2fc", Array("a/b/c".utf8)), ("100%25", Array("100%".utf8)), ("%2541", Array("%41".utf8)),
            ("%00", [0]), ("%7F", [0x7F]), ("%0d%0A", [13, 10]), ("%20", [32]),
            ("%EF%BB%BFalice", bom + alice), ("al%ef%bb%bfice", Array("al".utf8) + bom + Array("ice".utf8)),
            ("%EF%BB%BF", bom), ("\u{FEFF}alice", bom + alice), ("\u{FEFF}%61lice", bom + alice),
            ("%C3%A9", [0xC3, 0xA9]), ("e%CC%81", [0x65, 0xCC, 0x81]), ("é%C3%A9", [0xC3, 0xA9, 0xC3, 0xA9]),
            ("%F0%9F%91%A9", Array("👩".utf8)), ("%EF%BF%BD", [0xEF, 0xBF, 0xBD]), ("%EF%BF%BF", [0xEF, 0xBF, 0xBF]),
            ("%CC%81x", [0xCC, 0x81, 0x78]), ("%F4%8F%BF%BF", [0xF4, 0x8F, 0xBF, 0xBF]),
        ] as [(String, [UInt8])])
    func decodes(_ text: String, _ bytes: [UInt8]) {
        #expect(decoded(text) == bytes)
        #expect(decoded(text, plusIsBlank: true) == bytes)
    }

    @Test(
        "What is cut off, is no hexadecimal digit or makes no UTF-8 is refused",
        arguments: [
            "%", "a%", "%4", "a%4", "%2", "%%", "%%41", "%4%", "%GG", "%4G", "%G4", "% 4", "%+4", "%-4", "%0x41",
            "%u0041",
            "%4\u{301}1", "%\u{301}41", "%٤١", "%４１",
            "%FF", "%FF%FE", "%80", "%C3", "%C3%28", "a%C3", "%E2%82", "%EF%BB", "%EF%BBalice", "%C0%AF", "%C1%81",
            "%E0%80%AF", "%F0%80%80%AF", "%ED%A0%80", "%ED%BF%BF", "%ED%A0%BD%ED%B8%80", "%F4%90%80%80",
            "%F8%88%80%80%80",
        ])
    func refuses(_ text: String) {
        #expect(decoded(text) == nil)
        #expect(decoded(text, plusIsBlank: true) == nil)
    }

    @Test("A plus is a blank in form data only, and one that is encoded is always a plus")
    func plus() {
        #expect(decoded("a+b%2B%2b") == Array("a+b++".utf8))
        #expect(decoded("a+b%2B%2b", plusIsBlank: true) == Array("a b++".utf8))
        #expect(String(percentEncoded: [0x61, 0xFF]) == nil, "bytes that never were a string")
    }

    @Test("Every byte, encoded in either case, is what it was; bytes beyond ASCII need their neighbours")
    func everyByte() {
        for byte in UInt8.min...UInt8.max {
            let hex = (byte < 16 ? "0" : "") + String(byte, radix: 16)
            let expected = byte < 0x80 ? [byte] : nil
            #expect(decoded("%" + hex) == expected && decoded("%" + hex.uppercased()) == expected, "\(hex)")
        }
    }
}
