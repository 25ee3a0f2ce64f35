import Support
import Testing

@Suite("Close frames", .besideAWorker)
struct CloseTests {
    private typealias Frame = RawWebSocket.Frame

    @Test(
        "A code a client may send is answered with itself",
        arguments: Array(1000...1003) + Array(1007...1014) + [3000, 3999, 4000, 4999])
    func valid(_ code: Int) async throws {
        try await AttackedWorker.withClient { client in
            client.send(.close(code, Array("good bye".utf8)))
            try await client.expectClose(code)
        }
    }

    @Test(
        "A code nobody may send is answered with 1002",
        arguments: [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535])
    func invalid(_ code: Int) async throws {
        try await Violation("", .close(code), closes: 1002).expectClose()
    }

    @Test("A close without a code is answered with one without", arguments: Delivery.allCases)
    func empty(_ delivery: Delivery) async throws {
        try await Violation("", Frame(Frame.close), closes: 1005).expectClose(delivery)
    }

    @Test(
        "A malformed close is answered with what is wrong about it",
        arguments: [
            Violation("half a code", Frame(Frame.close, [0x03]), closes: 1002),
            Violation("124 bytes of reason", .close(1000, filled(124)), closes: 1002),
            Violation("reason that is no UTF-8", .close(1000, [0xCE, 0xBA, 0xE1, 0xBD]), closes: 1007),
            Violation("reason with a surrogate", .close(1000, [0xED, 0xA0, 0x80]), closes: 1007),
        ], Delivery.allCases)
    func malformed(_ violation: Violation, delivery: Delivery) async throws {
        try await violation.expectClose(delivery)
    }

    @Test("A reason may have 123 bytes, of any characters", arguments: [filled(123), Array("κόσμε 😀".utf8)])
    func reason(_ bytes: [UInt8]) async throws {
        try await Violation("", .close(1001, bytes), closes: 1001).expectClose()
    }

    @Test("Nothing is answered after a close, and one close is enough")
    func afterClose() async throws {
        try await AttackedWorker.withClient { client in
            client.send(.close(1000), .ping(), message(bytes: 40), .close(1001), Frame(Frame.binary))
            let (close, rest) = (try await client.next(), try await client.next())
            #expect(close?.closeCode == 1000 && rest == nil)
        }
    }

    @Test("A client that does not answer the server's close is cut")
    func noAnswer() async throws {
        try await AttackedWorker.withClient { client in
            client.send(Frame(Frame.binary))
            let (close, rest) = (try await client.next(), try await client.next())
            #expect(close?.closeCode == 1003 && rest == nil)
        }
    }

    enum Ending: CaseIterable, Sendable {
        case closeFrame
        case violation
        case end
        case reset
    }

    @Test("However a connection ends without a logout, its session is Offline at once", arguments: Ending.allCases)
    func sessionEnds(_ ending: Ending) async throws {
        let deployment = try AttackedWorker.deployment
        let user = AttackedWorker.newUser()
        try await AttackedWorker.withClient(user) { client in
            #expect(try await deployment.backend.status(user) == "Online")
            switch ending {
            case .closeFrame: client.send(.close(1000))
            case .violation: client.send(Frame(Frame.binary))
            case .end: try await client.end(reset: false)
            case .reset: try await client.end(reset: true)
            }
            try await eventually(else: "still Online") { try await deployment.backend.status(user) == "Offline" }
        }
        try await eventually(else: "heard of \(deployment.receiver.changes(of: user))") {
            deployment.receiver.changes(of: user) == ["Login/Register", "Disconnect/LinkClose"]
        }
    }
}
