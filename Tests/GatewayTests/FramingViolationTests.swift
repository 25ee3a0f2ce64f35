import Support
import Testing

@Suite("Frames: lengths, masks, reserved bits and opcodes", .besideAWorker)
struct FramingViolationTests {
    private typealias Frame = RawWebSocket.Frame

    @Test(
        "A message of any length up to 9216 bytes is read, in every form its length can take",
        arguments: [22, 125, 126, 127, 128, 4096, 9215, 9216], Delivery.allCases)
    func lengths(bytes: Int, delivery: Delivery) async throws {
        try await AttackedWorker.withClient { client in
            try await delivery.send(message(bytes: bytes).bytes, on: client)
            try await client.expectUnknownType()
            try await client.expectOpen()
        }
    }

    @Test("A message over 9216 bytes closes with 1009", arguments: [9217, 65_535, 65_536, 1 << 20])
    func tooLong(bytes: Int) async throws {
        try await Violation("", message(bytes: bytes), closes: 1009).expectClose()
    }

    @Test(
        "A length that is only claimed closes with 1009 at once, and takes no memory",
        arguments: [9217, 65_535, 1 << 32, UInt64(Int64.max)])
    func claimedLength(_ length: UInt64) async throws {
        let before = try AttackedWorker.worker.memoryBytes
        for _ in 0..<8 {
            let frame = Frame(Frame.text).with(\.lengthForm, .sixtyFourBits).with(\.claimedLength, length)
            try await Violation("", frame, closes: 1002, 1009).expectClose()
        }
        let after = try AttackedWorker.worker.memoryBytes
        #expect(after - before < 64 << 20)
    }

    @Test(
        "A broken frame closes with its code, however it comes",
        arguments: [
            Violation("length with the top bit", long(claiming: 1 << 63), closes: 1002, 1009),
            Violation("length of 64 ones", long(claiming: .max), closes: 1002, 1009),
            Violation("text without a mask", message(bytes: 40).with(\.isMasked, false), closes: 1002),
            Violation("empty text without a mask", Frame(Frame.text).with(\.isMasked, false), closes: 1002),
            Violation("ping without a mask", Frame.ping("x").with(\.isMasked, false), closes: 1002),
            Violation("close without a mask", Frame.close(1000).with(\.isMasked, false), closes: 1002),
            Violation("second frame without a mask", .ping(), .ping().with(\.isMasked, false), closes: 1002),
            Violation("binary message", Frame(Frame.binary, [1, 2, 3]), closes: 1003),
            Violation("empty binary message", Frame(Frame.binary), closes: 1003),
            Violation("binary message in fragments", Frame(Frame.binary, [1], isFinal: false), closes: 1003),
            Violation("ping of 126 bytes", Frame(Frame.ping, filled(126)), closes: 1002),
            Violation("pong of 126 bytes", Frame(Frame.pong, filled(126)), closes: 1002),
            Violation("ping of 65536 bytes", Frame(Frame.ping, filled(65_536)), closes: 1002, 1009),
        ], Delivery.allCases)
    func broken(_ violation: Violation, delivery: Delivery) async throws {
        try await violation.expectClose(delivery)
    }

    @Test(
        "A length written longer than needed is read or closes with 1002",
        arguments: [Frame.LengthForm.sixteenBits, .sixtyFourBits])
    func longForm(_ form: RawWebSocket.Frame.LengthForm) async throws {
        try await AttackedWorker.withClient { client in
            client.send(message(bytes: 40).with(\.lengthForm, form))
            let answer = try #require(try await client.answer())
            #expect(answer.opcode == Frame.text || answer.closeCode == 1002)
        }
    }

    @Test(
        "A reserved bit closes with 1002 in a frame of any kind",
        arguments: UInt8(1)...7,
        [Frame.continuation, Frame.text, Frame.binary, Frame.close, Frame.ping, Frame.pong])
    func reservedBits(_ bits: UInt8, opcode: UInt8) async throws {
        let payload = opcode == Frame.close ? Frame.close(1000).payload : message(bytes: 40).payload
        try await Violation("", Frame(opcode, payload).with(\.reservedBits, bits), closes: 1002).expectClose()
    }

    @Test(
        "A reserved opcode closes with 1002, empty or not, also amid pings",
        arguments: Array(UInt8(3)...7) + Array(11...15), [0, 40])
    func reservedOpcodes(_ opcode: UInt8, bytes: Int) async throws {
        try await Violation("", .ping(), Frame(opcode, filled(bytes)), .ping(), closes: 1002).expectClose()
    }

    @Test("A ping is answered with its own payload", arguments: [0, 1, 124, 125], Delivery.allCases)
    func pings(bytes: Int, delivery: Delivery) async throws {
        try await AttackedWorker.withClient { client in
            try await delivery.send(Frame(Frame.ping, filled(bytes)).bytes, on: client)
            let pong = try #require(try await client.answer())
            #expect(pong.opcode == Frame.pong && pong.payload == filled(bytes) && !pong.isMasked)
        }
    }

    @Test("Pings are answered in their order, and a pong nobody asked for is ignored")
    func pingsInOrder() async throws {
        try await AttackedWorker.withClient { client in
            client.send(Frame(Frame.pong), Frame(Frame.pong, filled(125)))
            for number in 0..<10 { client.send(.ping("\(number)")) }
            var pongs: [String] = []
            while pongs.count < 10, let frame = try await client.answer() {
                if frame.opcode == Frame.pong { pongs.append(String(decoding: frame.payload, as: UTF8.self)) }
            }
            #expect(pongs == (0..<10).map(String.init))
        }
    }

    private static func long(claiming length: UInt64) -> Frame {
        Frame(Frame.text).with(\.lengthForm, .sixtyFourBits).with(\.claimedLength, length)
    }
}

/// Bytes that are UTF-8, each different from its neighbour.
func filled(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(ascii: "a") + UInt8($0 % 26) } }
