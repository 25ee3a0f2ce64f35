import Support
import Testing

@Suite("Random bytes", .besideAWorker)
struct RandomBytesTests {
    private typealias Frame = RawWebSocket.Frame

    /// What a client is told that sends anything at all; 1006 if nothing it said had a meaning, 1008 is its own.
    private static let codes: Set<Int> = [1000, 1002, 1003, 1005, 1006, 1007, 1008, 1009, 4002]

    @Test("Whatever a client sends before it ends, its connection ends cleanly", arguments: UInt64(0)..<300)
    func anything(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        let bytes = seed.isMultiple(of: 2) ? Self.noise(&random) : Self.nearlyRight(&random)
        try await AttackedWorker.withClient { client in
            client.send(bytes)
            client.finish()
            let code = try await client.closeCode()
            #expect(Self.codes.contains(code), "\(code)")
        }
        #expect(try AttackedWorker.worker.child.isRunning)
    }

    @Test("Whatever comes instead of a request, the connection ends", arguments: UInt64(1000)..<1050)
    func insteadOfRequest(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        let request = RawWebSocket.upgradeRequest(AttackedWorker.target())
        let bytes = seed.isMultiple(of: 2) ? Self.noise(&random) : Self.damaged(request, &random)
        try await RawWebSocket.withConnection(port: AttackedWorker.worker.port) { socket in
            socket.send(bytes)
            socket.finish()
            while try await socket.next() != nil {}
        }
        #expect(try AttackedWorker.worker.child.isRunning)
    }

    private static func noise(_ random: inout SeededGenerator) -> [UInt8] {
        (0..<Int.random(in: 1...300, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
    }

    /// Frames that are mostly right, with some bytes changed.
    private static func nearlyRight(_ random: inout SeededGenerator) -> [UInt8] {
        let opcodes = [Frame.continuation, Frame.text, Frame.text, Frame.close, Frame.ping, Frame.pong]
        let payloads =
            [#"{"type":"heartbeat"}"#, #"{"type":"logout"}"#, #"{"type":"x"}"#, ""].map { Array($0.utf8) }
            + [Frame.close(1008).payload]
        var bytes: [UInt8] = []
        for _ in 0..<Int.random(in: 1...20, using: &random) {
            guard let opcode = opcodes.randomElement(using: &random),
                let payload = payloads.randomElement(using: &random)
            else { continue }
            bytes += Frame(opcode, payload, isFinal: Int.random(in: 0..<4, using: &random) > 0).bytes
        }
        return Bool.random(using: &random) ? damaged(bytes, &random) : bytes
    }

    private static func damaged(_ bytes: [UInt8], _ random: inout SeededGenerator) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<3 { bytes[Int.random(in: bytes.indices, using: &random)] = .random(in: 0...255, using: &random) }
        return bytes
    }
}
