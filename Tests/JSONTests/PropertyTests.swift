import Foundation
import JSON
import NIOCore
import Support
import Testing

/// Only the form counts, and that a `Double` comes close to a number.
private struct Anything: JSONReadable {
    init(from json: inout JSONReader) throws(JSONError) {
        switch try json.nextKind() {
        case .number: _ = try json.double()
        case .array: _ = try json.array(of: Anything.self)
        case .object:
            try json.beginObject()
            while try json.nextMember() != nil { _ = try Anything(from: &json) }
        default: try json.skip()
        }
    }
}

@Suite("Properties of reading and writing, from printed seeds")
struct PropertyTests {
    private static let seeds = 1...20 as ClosedRange<UInt64>

    @Test("What the writer wrote the reader reads, and it is the same", arguments: seeds)
    func roundTrip(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<200 {
            let value = JSONValue.random(depth: 5, using: &generator)
            #expect(try JSONValue(json: value.json) == value)
        }
    }

    @Test("Blanks between the tokens of a text, and escapes for its letters, change nothing", arguments: seeds)
    func spelling(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<100 {
            let value = JSONValue.random(depth: 4, using: &generator)
            let text = Self.respelled(String(buffer: value.json), using: &generator)
            #expect(try JSONValue(json: ByteBuffer(string: text)) == value, "\(text)")
        }
    }

    @Test("A text cut short is malformed", arguments: seeds)
    func cut(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<20 {
            let text = JSONValue.array([.random(depth: 4, using: &generator)]).json
            for length in 0..<text.readableBytes {
                let cut = try #require(text.getSlice(at: text.readerIndex, length: length))
                let error = #expect(throws: JSONError.self) { try Anything(json: cut) }
                #expect(error?.isMalformed == true, "\(String(buffer: cut))")
            }
        }
    }

    /// Foundation is as strict, but for commas before an end.
    @Test("Damaged bytes are refused exactly where Foundation refuses them, and are never a trap", arguments: seeds)
    func damaged(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<500 {
            let text = Self.damaged(JSONValue.array([.random(depth: 4, using: &generator)]).json, using: &generator)
            if let read = Self.isRead(text) {
                #expect(read == Self.isReadByFoundation(text), "\(text.map { String($0, radix: 16) })")
            }
        }
    }

    /// nil for what is refused here by intent.
    private static func isRead(_ text: [UInt8]) -> Bool? {
        do {
            _ = try Anything(json: ByteBuffer(bytes: text))
            return true
        } catch {
            switch error.kind {
            case .refused(_, "must not be given twice"), .malformed("half a surrogate pair", _): return nil
            default: break
            }
            let pairs = zip(text, text.dropFirst())
            let endsWithComma = pairs.contains { $0 == UInt8(ascii: ",") && #"]}"#.utf8.contains($1) }
            return endsWithComma ? nil : false
        }
    }

    private static func isReadByFoundation(_ text: [UInt8]) -> Bool {
        (try? JSONSerialization.jsonObject(with: Data(text), options: .fragmentsAllowed)) != nil
    }

    /// Changes, drops, doubles or inserts a byte or two.
    private static func damaged(_ text: ByteBuffer, using generator: inout SeededGenerator) -> [UInt8] {
        var bytes = Array(text.readableBytesView)
        let likely = Array(#"[]{}:,"\/u0123456789abcdefE+-. tfn"#.utf8) + [0x00, 0x1F, 0x80, 0xC3, 0xED, 0xFF]
        for _ in 0..<Int.random(in: 1...2, using: &generator) where !bytes.isEmpty {
            let place = Int.random(in: 1..<max(2, bytes.count), using: &generator)
            let byte = likely.randomElement(using: &generator) ?? 0
            guard bytes.indices.contains(place) else { continue }
            switch Int.random(in: 0..<4, using: &generator) {
            case 0: bytes[place] = byte
            case 1: bytes.remove(at: place)
            case 2: bytes.insert(bytes[place], at: place)
            default: bytes.insert(byte, at: place)
            }
        }
        return bytes
    }

    private static func respelled(_ text: String, using generator: inout SeededGenerator) -> String {
        var respelled = ""
        var isInString = false
        var isEscaped = false
        for scalar in text.unicodeScalars {
            let isQuote = scalar == "\"" && !isEscaped
            if isQuote { isInString.toggle() }
            let isEscapable = isInString && !isQuote && !isEscaped && scalar != "\\" && !scalar.isHexDigit
            if isEscapable, Bool.random(using: &generator) {
                for unit in String(scalar).utf16 {
                    let digits = String(unit, radix: 16, uppercase: .random(using: &generator))
                    respelled += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                }
            } else {
                respelled.unicodeScalars.append(scalar)
            }
            isEscaped = isInString && scalar == "\\" && !isEscaped
            if !isInString, "[]{}:,".unicodeScalars.contains(scalar), Bool.random(using: &generator) {
                respelled += [" ", "\t", "\r\n"].randomElement(using: &generator) ?? " "
            }
        }
        return respelled
    }
}

extension Unicode.Scalar {
    /// They may be those of an escape.
    fileprivate var isHexDigit: Bool { properties.isASCIIHexDigit }
}
