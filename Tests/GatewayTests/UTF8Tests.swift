import Support
import Testing

@Suite("Text is UTF-8", .besideAWorker)
struct UTF8Tests {
    private typealias Frame = RawWebSocket.Frame

    /// What is wrong, and the bytes.
    private static let invalid: [(String, [UInt8])] = [
        ("lone continuation, lowest", [0x80]),
        ("lone continuation, highest", [0xBF]),
        ("six lone continuations", [0x80, 0x81, 0x82, 0x83, 0x84, 0x85]),
        ("two-byte lead alone", [0xC3]),
        ("three-byte lead alone", [0xE2, 0x82]),
        ("four-byte lead alone", [0xF0, 0x9F, 0x98]),
        ("lead followed by ASCII", [0xC3, 0x28]),
        ("lead followed by a lead", [0xE2, 0xC3, 0xA9]),
        ("last continuation missing", [0xE2, 0x82, 0x28]),
        ("overlong slash in two bytes", [0xC0, 0xAF]),
        ("overlong slash in three bytes", [0xE0, 0x80, 0xAF]),
        ("overlong slash in four bytes", [0xF0, 0x80, 0x80, 0xAF]),
        ("overlong NUL", [0xC0, 0x80]),
        ("overlong U+007F", [0xC1, 0xBF]),
        ("overlong U+07FF", [0xE0, 0x9F, 0xBF]),
        ("overlong U+FFFF", [0xF0, 0x8F, 0xBF, 0xBF]),
        ("surrogate U+D800", [0xED, 0xA0, 0x80]),
        ("surrogate U+DBFF", [0xED, 0xAF, 0xBF]),
        ("surrogate U+DFFF", [0xED, 0xBF, 0xBF]),
        ("surrogate pair", [0xED, 0xA0, 0xBD, 0xED, 0xB8, 0x80]),
        ("above U+10FFFF", [0xF4, 0x90, 0x80, 0x80]),
        ("lead F5", [0xF5, 0x80, 0x80, 0x80]),
        ("five bytes", [0xF8, 0x88, 0x80, 0x80, 0x80]),
        ("six bytes", [0xFC, 0x84, 0x80, 0x80, 0x80, 0x80]),
        ("byte FE", [0xFE]),
        ("byte FF", [0xFF]),
    ]

    /// How bytes become a message.
    enum Place: CaseIterable, Sendable {
        case alone
        case insideJSON
        case atTheEnd
        case splitOverFragments

        func frames(_ bytes: [UInt8]) -> [RawWebSocket.Frame] {
            let json = Array(#"{"type":"x","fill":""#.utf8) + bytes + Array(#""}"#.utf8)
            return switch self {
            case .alone: [Frame(Frame.text, bytes)]
            case .insideJSON: [Frame(Frame.text, json)]
            case .atTheEnd: [Frame(Frame.text, Array(#"{"type":"x"}"#.utf8) + bytes)]
            case .splitOverFragments: fragments(of: Frame(Frame.text, json), each: 1)
            }
        }
    }

    @Test("What is not UTF-8 closes with 1007, wherever it stands", arguments: invalid, Place.allCases)
    func rejected(_ sequence: (name: String, bytes: [UInt8]), place: Place) async throws {
        try await AttackedWorker.withClient { client in
            for frame in place.frames(sequence.bytes) { client.send(frame) }
            let code = try await client.closeCode()
            #expect(code == 1007, "\(sequence.name) \(place): \(code)")
        }
    }

    @Test("A character cut off by the end of the message closes with 1007", arguments: 1...3)
    func truncated(bytes: Int) async throws {
        let start = Frame(Frame.text, Array("😀".utf8.prefix(bytes)), isFinal: false)
        try await AttackedWorker.withClient { client in
            client.send(start, Frame(Frame.continuation))
            try await client.expectClose(1007)
        }
    }

    @Test(
        "Every character is accepted, the first and last of each length too, split anywhere",
        arguments: [
            "κόσμε", "Hello-µ@ßöäüàá", "😀", "\u{7F}", "\u{80}", "\u{7FF}", "\u{800}", "\u{D7FF}", "\u{E000}",
            "\u{FFFD}", "\u{FFFE}", "\u{FFFF}", "\u{10000}", "\u{10FFFE}", "\u{10FFFF}",
        ], [Place.insideJSON, .splitOverFragments])
    func accepted(_ text: String, place: Place) async throws {
        try await AttackedWorker.withClient { client in
            for frame in place.frames(Array(text.utf8)) { client.send(frame) }
            try await client.expectUnknownType()
            try await client.expectOpen()
        }
    }
}
