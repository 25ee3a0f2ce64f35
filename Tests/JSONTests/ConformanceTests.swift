import JSON
import NIOCore
import Testing

/// A text that has to be read, or has to be refused. Where RFC 8259 leaves it to the reader we refuse, except for
/// numbers that no one asks for.
private struct Text: Sendable, CustomTestStringConvertible {
    var name: String
    var bytes: [UInt8]

    var testDescription: String { name }

    /// A text each, named by itself.
    static func each(_ texts: [String]) -> [Text] { texts.map { Text(name: $0, bytes: Array($0.utf8)) } }

    /// Each in brackets, as the one element of an array.
    static func elements(_ texts: [String]) -> [Text] { each(texts.map { "[\($0)]" }) }

    /// Bytes that are no text, in the quotes of the one string of an array.
    static func string(_ name: String, _ bytes: [UInt8]) -> Text {
        Text(name: name, bytes: Array(#"[""#.utf8) + bytes + Array(#""]"#.utf8))
    }

    static func bytes(_ name: String, _ bytes: [UInt8]) -> Text { Text(name: name, bytes: bytes) }
}

/// Whatever value there is: only the form counts.
private struct Anything: JSONReadable {
    init(from json: inout JSONReader) throws(JSONError) { try json.skip() }
}

// The cases follow those of github.com/nst/JSONTestSuite (y_, n_ and i_).
@Suite("What is JSON and what is none: RFC 8259, and stricter where it leaves a choice")
struct ConformanceTests {
    private static let wellFormed: [Text] =
        Text.each([
            "[]", "{}", "[[]   ]", " [] ", "[1\n]", " [1]", "[2] ", "[ 4]", "[\"a\"]\n", "[null, 1, \"1\", {}]",
            "[1,null,null,null,2]", "true", "false", "null", "42", "-0.1", "\"asd\"", "\"\"", "\" \"",
            #"{"":0}"#, #"{"a":[]}"#, #"{"asd":"sdf"}"#, #"{"asd":"sdf", "dfg":"fgh"}"#, "{\n\"a\": \"b\"\n}",
            #"{"foo\u0000bar": 42}"#, #"{ "min": -1.0e+28, "max": 1.0e+28 }"#, "\t\r\n {\t\r\n }\t\r\n ",
            #"{"x":[{"id": "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}], "id": "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}"#,
            #"{"title":"\u041f\u043e\u043b\u0442\u043e\u0440\u0430 \u0417\u0435\u043c\u043b\u0435\u043a\u043e\u043f\u0430"}"#,
        ])
        + Text.elements([
            "true", "false", "null", "0e+1", "0e1", "123e65", "20e1", "-0", "-1", "-123", "1E22", "1E-2", "1E+2",
            "123e45", "123.456e78", "1e-2", "1e+2", "123", "123.456789", "-0.\(String(repeating: "0", count: 77))1",
            // Numbers beyond what a machine holds are well-formed: who asks for their value is refused it.
            "123.456e-789", "0.4e\(String(repeating: "9", count: 100))", "-1e+9999", "1.5e+9999", "-123123e100000",
            "123123e100000", "123e-10000000", "-123123123123123123123123123123", "100000000000000000000",
        ])
        + Text.elements([
            #""""#, #""asd ""#, #""\u0060\u012a\u12AB""#, #""\uD801\udc37""#, #""\ud83d\ude39\ud83d\udc8d""#,
            #""\"\\\/\b\f\n\r\t""#, #""\\u0000""#, #""\"""#, #""a/*b*/c/*d//e""#, #""\\a""#, #""\\n""#, #""\u0012""#,
            #""\uFFFF""#, #""\uDBFF\uDFFF""#, #""new\u00A0line""#, "\"\u{10FFFF}\"", "\"\u{FFFF}\"", #""\u0000""#,
            #""\u002c""#, "\"π\"", "\"\u{1BFFF}\"", #""\uD834\uDd1e""#, #""\u0821""#, #""\u0123""#, "\"\u{2028}\"",
            "\"\u{2029}\"", #""\u0061\u30af\u30EA\u30b9""#, #""new\u000Aline""#, "\"\u{7F}\"", #""\uA66D""#,
            #""\u005C""#, "\"⍂㈴⍂\"", #""\uDBFF\uDFFE""#, #""\uD83F\uDFFE""#, #""\u200B""#, #""\u2064""#,
            #""\uFDD0""#, #""\uFFFE""#, #""\u0022""#, "\"€𝄞\"", "\"a\u{7F}a\"",
        ])
        + Text.each([nested(JSONLimits.depthMax), object(members: JSONLimits.membersMax)])

    private static let structure: [Text] =
        Text.each([
            "", " ", "[", "]", "{", "}", "[1", "1]", "[][]", "[1]x", "[1]]", "{}}", "2@", "123\0", "<.>", "*", "abc",
            "aå", "å", "<null>", "[1 true]", #"["": 1]"#, #"[""],"#, "[,1]", "[1,,2]", #"["x",,]"#, #"["x"]]"#,
            #"["",]"#, #"["x""#, "[x", "[3[4]]", "[1:2]", "[,]", "[-]", #"[   , ""]"#, "[\"a\",\n4\n,1,", "[1,]",
            "[1,,]", "[\"\u{B}a\"\\f]", "[*]", #"[""#, "[1,", "[1,\n1\n,1", "[{}", "[\0]", "[\u{2060}]", "[\u{C}]",
            "[é]", #"[\n]"#, #"[\u0020"asd"]"#, #"[\u000A""]"#, "['single quote']", "['", "[,", "[{", #"["a"#,
            #"["asd]"#, #"["x", truth]"#, #""\UA66D""#, "\"", #"""x"#, #"["\{["\{["\{["\{"#,
            String(repeating: "[", count: 100_000), String(repeating: #"[{"":"#, count: 50_000),
        ])
        + Text.each([
            #"{"x", null}"#, #"{"x"::"b"}"#, "{🇨🇭}", #"{"a":"a" 123}"#, "{key: 'value'}", #"{"a" b}"#, #"{:"b"}"#,
            #"{"a" "b"}"#, #"{"a":"#, #"{"a""#, "{1:1}", "{9999E9999:1}", "{null:null,null:null}", #"{"id":0,,,,,}"#,
            "{'a':0}", #"{"id":0,}"#, #"{"a":"b"}/**/"#, #"{"a":"b"}/**//"#, #"{"a":"b"}//"#, #"{"a":"b"}/"#,
            #"{"a":"b",,"c":"d"}"#, #"{a: "b"}"#, #"{"a":"a"#, #"{ "foo" : "bar", "a" }"#, #"{"a":"b"}#"#,
            "{[: \"x\"}\n", #"{"":"#, #"{"a":/*comment*/"b"}"#, #"{"a": true} "x""#, #"{"x": true,"#, "{]", "{,", "{[",
            #"{"a"#, "{'a'", #"{"a":"b"}#{}"#, #"{"asd":"asd""#,
        ])
        + Text.each(["[ false, nul", "[ true, fals", "[ false, tru", "tru", "t", "truE"])
        + Text.elements(["True", "NULL", "fals", "nul", "tru", "nulll", "truefalse"])
        + Text.each([nested(JSONLimits.depthMax + 1), object(members: JSONLimits.membersMax + 1)])

    private static let numbers = Text.elements([
        "++1234", "+1", "+Inf", "-01", "-1.0.", "-2.", "-NaN", ".-1", ".2e-3", "0.1.2", "0.3e+", "0.3e", "0.e1", "0E+",
        "0E", "0e+", "0e", "1.0e+", "1.0e-", "1.0e", "1 000.0", "1eE2", "2.e+3", "2.e-3", "2.e3", "9.e+", "Inf", "NaN",
        "１", "1+2", "0x1", "0x42", "Infinity", "0e+-1", "-123.123foo", "-Infinity", "-foo", "- 1", "-012", "-.123",
        "-1x", "1ea", "1.", ".123", "1.2a-3", "1.8011670033376514H-308", "012", "00", "--1", "1e1.5", "1_000",
    ])

    private static let strings: [Text] =
        Text.elements([
            #""\uD800\""#, #""\uD800\u""#, #""\uD800\u1""#, #""\uD800\u1x""#, "\"\\\0\"", #""\x00""#, #""\\\""#,
            "\"\\\t\"", #""\🌀""#, #""\""#, #""\u00A""#, #""\uD834\uDd""#, #""\uD800\uD800\x""#, #""\a""#,
            #""\uqqqq""#, "\"a\0a\"", "\"new\nline\"", "\"\t\"", #""\U0041""#, #""\u 041""#, #""\u+041""#, #""\"#,
        ])
        // Half a surrogate pair, which RFC 8259 leaves to the reader.
        + Text.elements([
            #""\uDADA""#, #""\uD888\u1234""#, #""\uD800\n""#, #""\uDd1ea""#, #""\uD800\uD800\n""#, #""\ud800""#,
            #""\ud800abc""#, #""\uDd1e\uD834""#, #""\uDFAA""#,
        ])
        + Text.each([#"{"\uDFAA":0}"#])

    private static let encodings: [Text] = [
        .string("an invalid sequence behind valid ones", [0xE6, 0x97, 0xA5, 0xD1, 0x88, 0xFA]),
        .string("a surrogate in UTF-8", [0xED, 0xA0, 0x80]), .string("FF", [0xFF]), .string("Latin-1", [0xE9]),
        .string("a lone continuation", [0x81]), .string("beyond U+10FFFF", [0xF4, 0xBF, 0xBF, 0xBF]),
        .string("overlong, 2 bytes", [0xC0, 0xAF]), .string("overlong, 6 bytes", [0xFC, 0x83, 0xBF, 0xBF, 0xBF, 0xBF]),
        .string("overlong NUL, 6 bytes", [0xFC, 0x80, 0x80, 0x80, 0x80, 0x80]), .string("cut short", [0xE0, 0xFF]),
        .string("behind an escape", Array(#"\n"#.utf8) + [0xE5]), .string("in an escape", Array(#"\u"#.utf8) + [0xE5]),
        .string("escaped", [UInt8(ascii: "\\"), 0xE5]),
        .bytes("UTF-16LE with a byte order mark", [0xFF, 0xFE] + utf16(#"["é"]"#, bigEndian: false)),
        .bytes("UTF-16LE", utf16(#"["é"]"#, bigEndian: false)), .bytes("UTF-16BE", utf16(#"["é"]"#, bigEndian: true)),
        .bytes("a byte order mark before an object", [0xEF, 0xBB, 0xBF] + Array("{}".utf8)),
        .bytes("half a byte order mark", [0xEF, 0xBB] + Array("{}".utf8)),
        .bytes("a byte order mark and nothing else", [0xEF, 0xBB, 0xBF]), .bytes("E5", [0xE5]), .bytes("E9", [0xE9]),
        .bytes("outside a string", Array("[a".utf8) + [0xE5, 0x5D]), .bytes("alone in an array", [0x5B, 0xFF, 0x5D]),
        .bytes("behind a whole number", Array("[123".utf8) + [0xE5, 0x5D]),
        .bytes("in an exponent", Array("[1e".utf8) + [0xE5, 0x5D]),
        .bytes("behind an exponent", Array("[1e1".utf8) + [0xE5, 0x5D]),
        .bytes("in a name", Array(#"{""#.utf8) + [0xB9] + Array(#"":"0"}"#.utf8)),
    ]

    @Test("Well-formed texts are read", arguments: wellFormed)
    private func accepted(_ text: Text) throws {
        _ = try Anything(json: ByteBuffer(bytes: text.bytes))
    }

    @Test("Any other is malformed", arguments: structure + numbers + strings + encodings)
    private func refused(_ text: Text) throws {
        let error = try #require(throws: JSONError.self) { try Anything(json: ByteBuffer(bytes: text.bytes)) }
        #expect(error.isMalformed, "\(error)")
    }

    /// RFC 8259 leaves these to the reader; every reader that takes one of two values may be the other's prey.
    @Test(
        "A member given twice is refused by its name, also in what is skipped and however it is spelled",
        arguments: [
            (#"{"a":"b","a":"c"}"#, "a"), (#"{"a":"b","a":"b"}"#, "a"), (#"{"a":1,"b":2,"\u0061":3}"#, "a"),
            (#"{"é":1,"\u00e9":2}"#, "é"), (#"[0,{"x":{"y":[{"z":1,"z":1}]}}]"#, "[1].x.y[0].z"), (#"{"":1,"":1}"#, ""),
        ])
    func repeated(text: String, field: String) {
        #expect(throws: JSONError(.refused(field: field, message: "must not be given twice"))) {
            try Anything(json: ByteBuffer(string: text))
        }
    }

    @Test(
        "Names are other names if their bytes are, and may repeat in another object",
        arguments: ["{\"\u{E9}\":1,\"e\u{301}\":2}", #"{"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]}"#, #"{"a":1,"A":2}"#])
    func distinct(text: String) throws {
        _ = try Anything(json: ByteBuffer(string: text))
    }

    private static func nested(_ depth: Int) -> String {
        String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    }

    private static func object(members: Int) -> String {
        "{\((0..<members).map { "\"\($0)\":0" }.joined(separator: ","))}"
    }

    private static func utf16(_ text: String, bigEndian: Bool) -> [UInt8] {
        text.utf16.flatMap { unit in
            let bytes = [UInt8(unit >> 8), UInt8(unit & 0xFF)]
            return bigEndian ? bytes : bytes.reversed()
        }
    }
}
