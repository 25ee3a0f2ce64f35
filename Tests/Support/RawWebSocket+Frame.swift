import NIOCore

extension RawWebSocket {
    /// A frame of RFC 6455, with everything that can be wrong about it.
    package struct Frame: Sendable, Equatable {
        package static let continuation: UInt8 = 0x0
        package static let text: UInt8 = 0x1
        package static let binary: UInt8 = 0x2
        package static let close: UInt8 = 0x8
        package static let ping: UInt8 = 0x9
        package static let pong: UInt8 = 0xA

        package enum LengthForm: Sendable {
            case shortest
            case sixteenBits
            case sixtyFourBits
        }

        /// 0...15
        package var opcode: UInt8
        package var payload: [UInt8]
        package var isFinal: Bool
        /// RSV1 to RSV3 as 4, 2 and 1.
        package var reservedBits: UInt8 = 0
        package var isMasked = true
        package var lengthForm = LengthForm.shortest
        /// The length the header tells, where that is not the payload's.
        package var claimedLength: UInt64?

        package init(_ opcode: UInt8, _ payload: [UInt8] = [], isFinal: Bool = true) {
            self.opcode = opcode
            self.payload = payload
            self.isFinal = isFinal
        }

        package static func text(_ text: String) -> Frame { Frame(Self.text, Array(text.utf8)) }

        package static func ping(_ text: String = "") -> Frame { Frame(Self.ping, Array(text.utf8)) }

        package static func close(_ code: Int, _ reason: [UInt8] = []) -> Frame {
            Frame(Self.close, [UInt8(code >> 8), UInt8(code & 0xFF)] + reason)
        }

        /// This frame with something about it changed.
        package func with<Value>(_ property: WritableKeyPath<Frame, Value>, _ value: Value) -> Frame {
            var frame = self
            frame[keyPath: property] = value
            return frame
        }

        /// The code of a close, 1005 where it has none; nil for another frame.
        package var closeCode: Int? {
            guard opcode == Self.close else { return nil }
            return payload.count < 2 ? 1005 : Int(payload[0]) << 8 | Int(payload[1])
        }

        /// The frame as it travels.
        package var bytes: [UInt8] {
            let length = claimedLength ?? UInt64(payload.count)
            let maskBit: UInt8 = isMasked ? 0x80 : 0
            var buffer = ByteBuffer(bytes: [(isFinal ? 0x80 : 0) | reservedBits << 4 | opcode])
            if lengthForm == .sixtyFourBits || length > UInt16.max {
                buffer.writeInteger(maskBit | 127)
                buffer.writeInteger(length)
            } else if lengthForm == .sixteenBits || length > 125 {
                buffer.writeInteger(maskBit | 126)
                buffer.writeInteger(UInt16(length))
            } else {
                buffer.writeInteger(maskBit | UInt8(length))
            }
            let mask: [UInt8] = [0x37, 0xFA, 0x21, 0x3D]
            if isMasked { buffer.writeBytes(mask) }
            buffer.writeBytes(payload.enumerated().map { isMasked ? $1 ^ mask[$0 % 4] : $1 })
            return Array(buffer: buffer)
        }

        /// Reads a server's frame, when all of it is there.
        init?(_ buffer: inout ByteBuffer) {
            var rest = buffer
            guard let first: UInt8 = rest.readInteger(), let second: UInt8 = rest.readInteger() else { return nil }
            var length = Int(second & 0x7F)
            if length == 126 {
                guard let long: UInt16 = rest.readInteger() else { return nil }
                length = Int(long)
            } else if length == 127 {
                guard let long: UInt64 = rest.readInteger() else { return nil }
                length = Int(clamping: long)
            }
            isMasked = second & 0x80 != 0
            guard let payload = rest.readBytes(length: length + (isMasked ? 4 : 0)) else { return nil }
            self.payload = payload
            opcode = first & 0x0F
            isFinal = first & 0x80 != 0
            reservedBits = first >> 4 & 0x07
            buffer = rest
        }
    }
}
