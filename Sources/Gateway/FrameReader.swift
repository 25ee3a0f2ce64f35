import NIOCore
import NIOWebSocket
import PresenceProtocol

/// Cuts what a client sends into frames, however it comes. Between frames it keeps nothing: NIO reads into the same
/// buffer as long as nobody else has it.
struct FrameReader {
    enum Failure: Error, Equatable {
        /// Over `ProtocolLimits.clientMessageBytesMax`.
        case tooBig
        /// A control frame in parts, or over 125 bytes (RFC 6455, section 5.5).
        case badControlFrame
        /// More bytes than it needs (section 5.2).
        case badLength
    }

    /// Bytes it keeps memory for.
    var storedBytes: Int { unread.capacity }

    private var unread = ByteBuffer()
    private var hasFailed = false

    /// After a failure nothing is read any more.
    mutating func append(_ bytes: ByteBuffer) {
        if hasFailed { return }
        if unread.readableBytes == 0 {
            unread = bytes
        } else {
            // What was read would be kept, and carried along.
            unread.discardReadBytes()
            unread.writeImmutableBuffer(bytes)
        }
    }

    /// The next frame; nil if it has not come in full.
    mutating func next() throws(Failure) -> Frame? {
        var rest = unread
        guard let (first, second) = rest.readMultipleIntegers(as: (UInt8, UInt8).self),
            let opcode = WebSocketOpcode(encodedWebSocketOpcode: first & 0x0f),
            let count = rest.readLength(second & 0x7f)
        else { return nil }
        var frame = Frame(
            opcode: opcode, isFinal: first & 0x80 != 0, hasReservedBits: first & 0x70 != 0,
            isMasked: second & 0x80 != 0)
        try check(frame, payloadBytes: count, short: second & 0x7f)
        guard let key = frame.isMasked ? rest.readInteger(as: UInt32.self) : 0,
            let payload = rest.readSlice(length: count)
        else { return nil }
        unread = rest.readableBytes > 0 ? rest : ByteBuffer()
        if count > 0 { frame.payload = payload.unmasked(with: key) }
        return frame
    }

    private mutating func check(_ frame: Frame, payloadBytes: Int, short: UInt8) throws(Failure) {
        let isControl = [.connectionClose, .ping, .pong].contains(frame.opcode)
        if payloadBytes > ProtocolLimits.clientMessageBytesMax { throw fail(.tooBig) }
        if isControl, !frame.isFinal || payloadBytes > 125 { throw fail(.badControlFrame) }
        if short == 126 && payloadBytes < 126 || short == 127 && payloadBytes <= Int(UInt16.max) {
            throw fail(.badLength)
        }
    }

    private mutating func fail(_ failure: Failure) -> Failure {
        hasFailed = true
        unread = ByteBuffer()
        return failure
    }
}

extension ByteBuffer {
    /// The length of a payload; `short` is what of it stands in the second byte.
    fileprivate mutating func readLength(_ short: UInt8) -> Int? {
        switch short {
        case 126: readInteger(as: UInt16.self).map { Int($0) }
        case 127: readInteger(as: UInt64.self).map { Int(clamping: $0) }
        default: Int(short)
        }
    }

    /// RFC 6455, section 5.3; a copy, which holds on to nothing of what was read.
    fileprivate func unmasked(with key: UInt32) -> ByteBuffer {
        var copy = ByteBuffer()
        copy.writeWithUnsafeMutableBytes(minimumWritableBytes: readableBytes) { target in
            withUnsafeReadableBytes { source in
                for (index, byte) in source.enumerated() {
                    target[index] = byte ^ UInt8(truncatingIfNeeded: key >> (24 - 8 * UInt32(index & 3)))
                }
                return source.count
            }
        }
        return copy
    }
}
