import NIOCore

/// Writes commands as the server reads them: arrays of bulk strings.
enum RESPEncoder {
    static func encode(_ commands: [RedisCommand]) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(commands.reduce(0) { $0 + bytesMax(of: $1) })
        for command in commands { encode(command, into: &buffer) }
        return buffer
    }

    static func encode(_ command: RedisCommand, into buffer: inout ByteBuffer) {
        writeHeader(UInt8(ascii: "*"), command.words.count, into: &buffer)
        for word in command.words {
            writeHeader(UInt8(ascii: "$"), word.utf8.count, into: &buffer)
            buffer.writeString(word)
            buffer.writeStaticString("\r\n")
        }
    }

    /// `$12\r\n`
    private static func writeHeader(_ kind: UInt8, _ number: Int, into buffer: inout ByteBuffer) {
        buffer.writeInteger(kind)
        var divisor = 1
        while number / divisor >= 10 { divisor *= 10 }
        while divisor > 0 {
            buffer.writeInteger(UInt8(ascii: "0") + UInt8(number / divisor % 10))
            divisor /= 10
        }
        buffer.writeStaticString("\r\n")
    }

    private static func bytesMax(of command: RedisCommand) -> Int {
        command.words.reduce(16) { $0 + $1.utf8.count + 16 }
    }
}
