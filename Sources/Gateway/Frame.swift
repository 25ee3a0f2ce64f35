import NIOCore
import NIOWebSocket

/// One frame of RFC 6455, section 5.2, unmasked.
struct Frame: Equatable {
    var opcode: WebSocketOpcode
    var isFinal = true
    var hasReservedBits = false
    var isMasked = false
    var payload = ByteBuffer()
}

extension Frame {
    /// What a server sends: in one buffer, so that it is one plain write.
    var bytes: ByteBuffer {
        let count = payload.readableBytes
        var bytes = ByteBuffer()
        bytes.reserveCapacity(Self.headBytesMax + count)
        bytes.writeInteger(0x80 | UInt8(webSocketOpcode: opcode))
        switch count {
        case ...125: bytes.writeInteger(UInt8(count))
        case ...Int(UInt16.max): bytes.writeMultipleIntegers(126 as UInt8, UInt16(count))
        default: bytes.writeMultipleIntegers(127 as UInt8, UInt64(count))
        }
        bytes.writeImmutableBuffer(payload)
        return bytes
    }

    private static let headBytesMax = 10
}
