import Support
import Testing

/// What a client sends, and the code it is closed with.
struct Violation: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let bytes: [UInt8]
    /// More than one where RFC 6455 leaves the choice.
    let codes: [Int]

    init(_ description: String, _ frames: RawWebSocket.Frame..., closes codes: Int...) {
        testDescription = description
        bytes = frames.flatMap(\.bytes)
        self.codes = codes
    }

    /// A client that does this is closed so, and its session ended.
    func expectClose(_ delivery: Delivery = .atOnce) async throws {
        try await AttackedWorker.withClient { client in
            try await delivery.send(bytes, on: client)
            let code = try await client.closeCode()
            #expect(codes.contains(code), "closed with \(code)")
        }
    }
}

/// How bytes come to the server.
enum Delivery: CaseIterable, Sendable {
    case atOnce
    case bytewise

    func send(_ bytes: [UInt8], on client: RawWebSocket) async throws {
        switch self {
        case .atOnce: client.send(bytes)
        case .bytewise: try await client.sendBytewise(bytes)
        }
    }
}

extension RawWebSocket {
    /// The next frame that does not merely acknowledge a heartbeat, as which pings count.
    func answer() async throws -> Frame? {
        while let frame = try await next() {
            if frame.payload != Array(#"{"type":"heartbeat"}"#.utf8) { return frame }
        }
        return nil
    }

    /// The next message that is more than an acknowledgement.
    func messageAnswer() async throws -> JSON {
        let frame = try #require(try await answer())
        try #require(frame.opcode == Frame.text, "\(frame)")
        return try JSON(parsing: String(decoding: frame.payload, as: UTF8.self))
    }

    /// The next message says that its type is unknown: what came before it was read and understood.
    func expectUnknownType() async throws {
        let answer = try await messageAnswer()
        #expect(answer["type"].string == "error" && answer["code"].string == "unknown-type", "\(answer)")
    }

    func expectClose(_ code: Int, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let heard = try await closeCode()
        #expect(heard == code, sourceLocation: sourceLocation)
    }

    /// The connection is open and everything sent so far was read.
    func expectOpen() async throws {
        send(.ping("open?"))
        let answer = try #require(try await answer())
        #expect(answer.opcode == Frame.pong && answer.payload == Array("open?".utf8), "\(answer)")
    }
}

/// A message of an unknown type, so many bytes long.
func message(bytes count: Int) -> RawWebSocket.Frame {
    let start = #"{"type":"x","fill":""#
    return .text(start + String(repeating: "*", count: count - start.utf8.count - 2) + #""}"#)
}
