import Support
import Testing

@Suite("Messages in fragments", .besideAWorker)
struct FragmentationTests {
    private typealias Frame = RawWebSocket.Frame

    @Test(
        "A message in fragments is read as one, of whatever size they are", arguments: [1, 7, 39, 40],
        Delivery.allCases)
    func whole(fragmentBytes: Int, delivery: Delivery) async throws {
        try await AttackedWorker.withClient { client in
            let frames = fragments(of: message(bytes: 40), each: fragmentBytes)
            try await delivery.send(frames.flatMap(\.bytes), on: client)
            try await client.expectUnknownType()
            try await client.expectOpen()
        }
    }

    @Test("Empty fragments add nothing", arguments: Delivery.allCases)
    func emptyFragments(_ delivery: Delivery) async throws {
        let frames = [
            Frame(Frame.text, isFinal: false), Frame(Frame.continuation, isFinal: false),
            Frame(Frame.continuation, message(bytes: 40).payload, isFinal: false), Frame(Frame.continuation),
        ]
        try await AttackedWorker.withClient { client in
            try await delivery.send(frames.flatMap(\.bytes), on: client)
            try await client.expectUnknownType()
        }
    }

    @Test("A ping between fragments is answered at once and breaks nothing", arguments: Delivery.allCases)
    func pingBetween(_ delivery: Delivery) async throws {
        let parts = fragments(of: message(bytes: 40), each: 20)
        try await AttackedWorker.withClient { client in
            try await delivery.send(parts[0].bytes + Frame(Frame.pong, filled(3)).bytes, on: client)
            try await client.expectOpen()
            try await client.expectOpen()
            try await delivery.send(parts[1].bytes, on: client)
            try await client.expectUnknownType()
        }
    }

    @Test("A message of 9216 bytes may come in fragments, one after another", arguments: [1024, 9215])
    func longest(fragmentBytes: Int) async throws {
        try await AttackedWorker.withClient { client in
            for _ in 0..<3 {
                for frame in fragments(of: message(bytes: 9216), each: fragmentBytes) { client.send(frame) }
                try await client.expectUnknownType()
            }
        }
    }

    @Test("A message over 9216 bytes in fragments closes with 1009, finished or not", arguments: [true, false])
    func tooLong(isFinished: Bool) async throws {
        var frames = fragments(of: message(bytes: 9217), each: 1024)
        frames[frames.count - 1].isFinal = isFinished
        try await AttackedWorker.withClient { client in
            for frame in frames { client.send(frame) }
            try await client.expectClose(1009)
        }
    }

    @Test(
        "Fragments out of order close with 1002",
        arguments: [
            Violation("continuation of nothing", Frame(Frame.continuation, filled(3)), closes: 1002),
            Violation("empty continuation of nothing", Frame(Frame.continuation), closes: 1002),
            Violation(
                "continuation of nothing, more to come", Frame(Frame.continuation, filled(3), isFinal: false),
                closes: 1002),
            Violation(
                "continuation after a whole message", message(bytes: 40), Frame(Frame.continuation), closes: 1002),
            Violation(
                "continuation after the last fragment", Frame(Frame.text, Array(#"{"type":"#.utf8), isFinal: false),
                Frame(Frame.continuation, Array(#""x"}"#.utf8)), Frame(Frame.continuation), closes: 1002),
            Violation("text inside a message", Frame(Frame.text, isFinal: false), message(bytes: 40), closes: 1002),
            Violation(
                "first fragment inside a message", Frame(Frame.text, filled(3), isFinal: false),
                Frame(Frame.text, filled(3), isFinal: false), closes: 1002),
            Violation(
                "binary inside a message", Frame(Frame.text, isFinal: false), Frame(Frame.binary, filled(3)),
                closes: 1002, 1003),
            Violation(
                "text after a ping inside a message", Frame(Frame.text, isFinal: false), .ping(), message(bytes: 40),
                closes: 1002),
            Violation("ping in fragments", Frame(Frame.ping, filled(3), isFinal: false), closes: 1002),
            Violation("empty ping in fragments", Frame(Frame.ping, isFinal: false), closes: 1002),
            Violation("pong in fragments", Frame(Frame.pong, filled(3), isFinal: false), closes: 1002),
            Violation(
                "close in fragments", Frame(Frame.close, Frame.close(1000).payload, isFinal: false), closes: 1002),
            Violation(
                "ping in fragments inside a message", Frame(Frame.text, isFinal: false),
                Frame(Frame.ping, isFinal: false), closes: 1002),
        ], Delivery.allCases)
    func outOfOrder(_ violation: Violation, delivery: Delivery) async throws {
        try await violation.expectClose(delivery)
    }

    @Test("A close inside a message is a close")
    func closeInside() async throws {
        try await AttackedWorker.withClient { client in
            client.send(Frame(Frame.text, filled(3), isFinal: false), .close(1000))
            try await client.expectClose(1000)
        }
    }
}

/// A message cut into fragments of so many bytes, the last with what is left.
func fragments(of message: RawWebSocket.Frame, each count: Int) -> [RawWebSocket.Frame] {
    stride(from: 0, to: message.payload.count, by: count).map { start in
        let end = min(start + count, message.payload.count)
        return RawWebSocket.Frame(
            start == 0 ? message.opcode : RawWebSocket.Frame.continuation, Array(message.payload[start..<end]),
            isFinal: end == message.payload.count)
    }
}
