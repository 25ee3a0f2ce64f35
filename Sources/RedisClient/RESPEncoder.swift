import CHiredis
import NIOCore

/// Writes commands as the server reads them, with scratch space that serves a whole batch.
struct RESPEncoder {
    private var text: [UInt8] = []
    private var lengths: [Int] = []
    private var words: [UnsafePointer<CChar>?] = []

    mutating func encode(_ command: RedisCommand, into buffer: inout ByteBuffer) {
        text.removeAll(keepingCapacity: true)
        lengths.removeAll(keepingCapacity: true)
        for word in command.words {
            text.append(contentsOf: word.utf8)
            lengths.append(word.utf8.count)
        }
        text.withUnsafeBytes { text in
            let text = text.assumingMemoryBound(to: CChar.self)
            words.removeAll(keepingCapacity: true)
            var start = 0
            for length in lengths {
                words.append(text.baseAddress.map { $0 + start })
                start += length
            }
            var formatted: UnsafeMutablePointer<CChar>?
            let count = hiredisFormat(&formatted, CInt(words.count), &words, lengths)
            guard count >= 0, let formatted else {
                preconditionFailure("hiredis formats every command unless memory is exhausted")
            }
            buffer.writeBytes(UnsafeRawBufferPointer(start: formatted, count: Int(count)))
            redisFreeCommand(formatted)
        }
    }

    static func encode(_ commands: [RedisCommand]) -> ByteBuffer {
        var encoder = RESPEncoder()
        var buffer = ByteBuffer()
        for command in commands { encoder.encode(command, into: &buffer) }
        return buffer
    }
}
