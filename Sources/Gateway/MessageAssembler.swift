import NIOCore
import NIOWebSocket

/// Turns frames into what they mean, holding the client to RFC 6455 where a frame by itself does not tell: masking,
/// reserved bits and opcodes, fragmentation, UTF-8, close codes and the size of a message in fragments.
struct MessageAssembler: Sendable {
    enum Event: Equatable {
        case message(String)
        case ping(ByteBuffer)
        /// The client closes, with this code if it gave one.
        case close(UInt16?)
        case violation(CloseCode, String)
    }

    /// The fragments so far of a message that has begun.
    private var fragments: ByteBuffer?

    /// - Returns: nil for a frame that is only a part of something, or a pong.
    mutating func read(_ frame: Frame) -> Event? {
        guard frame.isMasked else { return .violation(.protocolError, "a client's frames must be masked") }
        guard !frame.hasReservedBits else {
            return .violation(.protocolError, "reserved bits must be 0: no extension was agreed")
        }
        var data = frame.payload
        switch frame.opcode {
        case .text:
            guard fragments == nil else { return .violation(.protocolError, "a message inside a fragmented message") }
            guard frame.isFinal else {
                fragments = data
                return nil
            }
            return Self.message(data)
        case .continuation:
            guard var whole = fragments else { return .violation(.protocolError, "a continuation of nothing") }
            guard whole.readableBytes + data.readableBytes <= GatewayLimits.messageBytesMax else {
                return .violation(.tooBig, "a message may have \(GatewayLimits.messageBytesMax) bytes")
            }
            fragments = nil
            whole.writeBuffer(&data)
            guard frame.isFinal else {
                fragments = whole
                return nil
            }
            return Self.message(whole)
        case .binary: return .violation(.unsupportedData, "messages are text")
        case .ping: return .ping(data)
        case .pong: return nil
        case .connectionClose: return Self.close(data)
        default: return .violation(.protocolError, "a reserved opcode")
        }
    }

    private static func message(_ data: ByteBuffer) -> Event {
        guard let text = String(validating: data.readableBytesView, as: UTF8.self) else {
            return .violation(.invalidUTF8, "text must be UTF-8")
        }
        return .message(text)
    }

    private static func close(_ data: ByteBuffer) -> Event {
        var data = data
        guard data.readableBytes > 0 else { return .close(nil) }
        guard let code = data.readInteger(as: UInt16.self), CloseCode.mayBeSent(code) else {
            return .violation(.protocolError, "not a close code a client may send")
        }
        guard String(validating: data.readableBytesView, as: UTF8.self) != nil else {
            return .violation(.invalidUTF8, "a close reason must be UTF-8")
        }
        return .close(code)
    }
}
