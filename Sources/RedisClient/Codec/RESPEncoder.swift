import NIOCore

/// Writes commands as the server reads them: arrays of bulk strings.
struct RESPEncoder {
    private var rest: UnsafeMutableRawBufferPointer

    /// Appends one command.
    /// - Parameters:
    ///   - wordBytes: how long its words are together.
    ///   - writeWords: writes each of them.
    static func write(
        words: Int, wordBytes: Int, to buffer: inout ByteBuffer, _ writeWords: (inout RESPEncoder) -> Void
    ) {
        let bytesMax = wordBytes + (words + 1) * headerBytesMax
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: bytesMax) { bytes in
            var encoder = RESPEncoder(rest: bytes)
            encoder.header(UInt8(ascii: "*"), words)
            writeWords(&encoder)
            return bytes.count - encoder.rest.count
        }
    }

    mutating func word(_ text: String) {
        header(UInt8(ascii: "$"), text.utf8.count)
        put(text)
        lineEnd()
    }

    mutating func word(_ key: RedisKey) {
        header(UInt8(ascii: "$"), key.bytesCount)
        put(key.parts.0)
        put(key.parts.1)
        put(key.parts.2)
        put(key.parts.3)
        lineEnd()
    }

    /// The longest header, `*` or `$` and 19 digits, and the end of a line behind it and behind a word.
    private static let headerBytesMax = 24

    /// `$12\r\n`
    private mutating func header(_ kind: UInt8, _ number: Int) {
        put(kind)
        var divisor = 1
        while number / divisor >= 10 { divisor *= 10 }
        while divisor > 0 {
            put(UInt8(ascii: "0") + UInt8(number / divisor % 10))
            divisor /= 10
        }
        lineEnd()
    }

    private mutating func lineEnd() {
        put(UInt8(ascii: "\r"))
        put(UInt8(ascii: "\n"))
    }

    private mutating func put(_ byte: UInt8) {
        rest[0] = byte
        rest = UnsafeMutableRawBufferPointer(rebasing: rest[1...])
    }

    private mutating func put(_ text: String) {
        var text = text
        text.withUTF8 { utf8 in
            rest.copyMemory(from: UnsafeRawBufferPointer(utf8))
            rest = UnsafeMutableRawBufferPointer(rebasing: rest[utf8.count...])
        }
    }
}
