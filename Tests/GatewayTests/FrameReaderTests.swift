import NIOCore
import NIOWebSocket
import Support
import Testing

@testable import Gateway

@Suite("What a client sends is cut into frames")
struct FrameReaderTests {
    private static func masked(_ payload: [UInt8]) -> [UInt8] {
        RawWebSocket.Frame(RawWebSocket.Frame.text, payload).bytes
    }

    private static func read(_ pieces: [[UInt8]]) throws -> [[UInt8]] {
        var reader = FrameReader()
        var payloads: [[UInt8]] = []
        for piece in pieces {
            reader.append(ByteBuffer(bytes: piece))
            while let frame = try reader.next() { payloads.append(Array(frame.payload.readableBytesView)) }
        }
        return payloads
    }

    @Test("of whatever size, however the bytes come", arguments: [0, 1, 125, 126, 127, 9_216])
    func sizes(bytes count: Int) throws {
        let payload = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
        let bytes = Self.masked(payload)
        #expect(try Self.read([bytes]) == [payload])
        #expect(try Self.read(bytes.map { [$0] }) == [payload])
        #expect(try Self.read([bytes + bytes + bytes.dropLast(), bytes.suffix(1)]) == [payload, payload, payload])
    }

    @Test("and told apart by their bits")
    func bits() throws {
        var reader = FrameReader()
        reader.append(ByteBuffer(bytes: [0x41, 0x00, 0x8a, 0x80, 1, 2, 3, 4]))
        let text = try reader.next()
        let pong = try reader.next()
        #expect(text == Frame(opcode: .text, isFinal: false, hasReservedBits: true, isMasked: false))
        #expect(pong == Frame(opcode: .pong, isMasked: true))
    }

    @Test("Too long a frame is refused by its length alone, and nothing is read behind it")
    func tooBig() throws {
        var reader = FrameReader()
        reader.append(ByteBuffer(bytes: [0x81, 0xfe, 0x24]))
        let early = try reader.next()
        #expect(early == nil)
        reader.append(ByteBuffer(bytes: [0x01]))
        #expect(throws: FrameReader.Failure.tooBig) { try reader.next() }
        reader.append(ByteBuffer(bytes: Self.masked([1])))
        let behind = try reader.next()
        #expect(behind == nil)
    }

    @Test("What was read is not kept, however long the client goes on in the middle of frames")
    func memory() throws {
        var reader = FrameReader()
        let frame = Self.masked(Array(repeating: 1, count: 9_000))
        reader.append(ByteBuffer(bytes: frame.prefix(1)))
        for _ in 0..<1_000 {
            reader.append(ByteBuffer(bytes: frame.dropFirst() + frame.prefix(1)))
            let whole = try reader.next()
            #expect(whole?.payload.readableBytes == 9_000)
        }
        #expect(reader.storedBytes < 64 << 10)
    }

    @Test(
        "A length in more bytes than it needs is refused",
        arguments: [[0x81, 0xfe, 0, 125], [0x81, 0xff, 0, 0, 0, 0, 0, 0, 1, 0]] as [[UInt8]])
    func length(_ bytes: [UInt8]) {
        var reader = FrameReader()
        reader.append(ByteBuffer(bytes: bytes))
        #expect(throws: FrameReader.Failure.badLength) { try reader.next() }
    }

    @Test(
        "A control frame in parts or over 125 bytes is refused",
        arguments: [[0x09, 0x80], [0x89, 0xfe, 0, 126]] as [[UInt8]])
    func control(_ bytes: [UInt8]) {
        var reader = FrameReader()
        reader.append(ByteBuffer(bytes: bytes))
        #expect(throws: FrameReader.Failure.badControlFrame) { try reader.next() }
    }

    @Test("Between frames nothing is kept of what NIO reads into")
    func keepsNothing() throws {
        var reader = FrameReader()
        var bytes = ByteBuffer(bytes: Self.masked([1, 2, 3]))
        reader.append(bytes)
        let frame = try reader.next()
        let isOurs = bytes.modifyIfUniquelyOwned { _ in true } ?? false
        #expect(isOurs && frame != nil)
    }

    @Test("What the worker sends is read so too", arguments: [0, 125, 126, 65_535, 65_536])
    func written(bytes count: Int) throws {
        let payload = ByteBuffer(repeating: 7, count: count)
        var bytes = Frame(opcode: .text, payload: payload).bytes
        let first = bytes.readInteger(as: UInt8.self)
        let short = bytes.readInteger(as: UInt8.self)
        let length: Int? =
            switch short {
            case 126?: bytes.readInteger(as: UInt16.self).map { Int($0) }
            case 127?: bytes.readInteger(as: UInt64.self).map { Int($0) }
            default: short.map { Int($0) }
            }
        #expect(first == 0x81 && length == count && bytes == payload)
    }
}
