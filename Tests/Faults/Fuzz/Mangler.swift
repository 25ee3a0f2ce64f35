import Support

/// Bytes that are nearly right: good ones cut, spliced, doubled, and with some of them changed. The same from the same
/// seed.
package struct Mangler: Sendable {
    private var random: SeededGenerator
    private let corpus: [[UInt8]]

    /// What readers of text and of lengths stumble over.
    private static let odd: [[UInt8]] = [
        [0], [0xFF], [0xC3, 0x28], [0xED, 0xA0, 0x80], Array("\r\n".utf8), Array("-1".utf8), Array(":".utf8),
        Array("9223372036854775808".utf8), Array("-9223372036854775809".utf8), Array("1e999".utf8), Array("%".utf8),
        Array("{".utf8), Array("[[[[[[[[".utf8), Array("\"".utf8), Array("\\u0000".utf8), Array("\\ud800".utf8),
        Array(" ".utf8), Array("=".utf8), Array(".".utf8), Array("*".utf8), Array("$".utf8), Array("e\u{301}".utf8),
    ]

    /// - Parameter corpus: what is right.
    package init(seed: UInt64, corpus: [[UInt8]]) {
        random = SeededGenerator(seed: seed)
        self.corpus = corpus
    }

    package init(seed: UInt64, corpus: [String]) { self.init(seed: seed, corpus: corpus.map { Array($0.utf8) }) }

    package mutating func next() -> [UInt8] {
        var bytes = corpus.randomElement(using: &random) ?? []
        for _ in 0..<Int.random(in: 0...4, using: &random) { change(&bytes) }
        return bytes
    }

    package mutating func text() -> String { String(decoding: next(), as: UTF8.self) }

    /// The bytes in random parts.
    package mutating func parts(of bytes: [UInt8]) -> [ArraySlice<UInt8>] {
        var (rest, parts) = (bytes[...], [ArraySlice<UInt8>]())
        while !rest.isEmpty {
            let part = rest.prefix(Int.random(in: 1...max(1, min(16, rest.count)), using: &random))
            parts.append(part)
            rest = rest.dropFirst(part.count)
        }
        return parts
    }

    private mutating func change(_ bytes: inout [UInt8]) {
        let place = Int.random(in: 0...bytes.count, using: &random)
        let end = Int.random(in: place...min(bytes.count, place + 12), using: &random)
        switch Int.random(in: 0..<7, using: &random) {
        case 0: bytes.removeSubrange(place..<end)
        case 1: bytes.removeSubrange(place...)
        case 2: bytes.insert(contentsOf: bytes[place..<end], at: place)
        case 3: bytes.insert(contentsOf: Self.odd.randomElement(using: &random) ?? [], at: place)
        case 4:
            let other = corpus.randomElement(using: &random) ?? []
            bytes.replaceSubrange(place..., with: other.suffix(Int.random(in: 0...other.count, using: &random)))
        case 5: if place < bytes.count { bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random) }
        default: if place < bytes.count { bytes[place] = UInt8.random(in: 0...255, using: &random) }
        }
    }
}
