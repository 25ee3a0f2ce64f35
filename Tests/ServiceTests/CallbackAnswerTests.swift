import Foundation
import NIOPosix
import PresenceCore
import Support
import Testing

@testable import Callbacks

/// What counts of an answer, and what becomes of its connection. No test waits for a timeout that is not its subject:
/// where an attempt must end at once, its timeout is a minute.
@Suite("Answers to a callback, byte by byte", .timeLimit(.minutes(2)))
struct CallbackAnswerTests {
    private static let patient = 60_000
    private static let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

    @Test(
        "A 2xx counts when its head is there, whatever its body does",
        arguments: [
            ScriptedReceiver.Answer(bytes: head + "Transfer-Encoding: chunked\r\n\r\n", endless: "5\r\nhello\r\n"),
            .init(bytes: head + "Content-Length: 1000000000\r\n\r\n", endless: "x"),
            .init(bytes: head + "Content-Length: 50\r\n\r\n{"),
            .init(bytes: head + "Content-Length: 50\r\n\r\n{", closes: true),
            .init(bytes: head + "Transfer-Encoding: chunked\r\n\r\nno chunk at all\r\n"),
            .init(bytes: head + "\r\n", endless: "x"),
        ])
    func heads(_ answer: ScriptedReceiver.Answer) async throws {
        try await ScriptedReceiver.with([answer, .ok]) { receiver in
            try await withSender(receiver.url, timeoutMs: Self.patient) { sender in
                let start = ContinuousClock.now
                #expect(await sender.post() == .delivered)
                #expect(await sender.post() == .delivered)
                #expect(start.duration(to: .now) < .seconds(20))
                #expect(receiver.opened == 2, "a connection with an unread answer must not be used again")
            }
        }
    }

    @Test("A body longer than is read closes the connection")
    func longBody() async throws {
        let answer = ScriptedReceiver.Answer(
            bytes: Self.head + "Content-Length: 1000000000\r\n\r\n", endless: "x")
        try await ScriptedReceiver.with([answer]) { receiver in
            try await withSender(receiver.url, timeoutMs: Self.patient) { sender in
                #expect(await sender.post() == .delivered)
                try await eventually(else: "the connection stays open") { receiver.open == 0 }
            }
        }
    }

    @Test("A body that does not end costs its connection when the time of the attempt is up")
    func slowBody() async throws {
        let answer = ScriptedReceiver.Answer(bytes: Self.head + "Content-Length: 50\r\n\r\n{")
        try await ScriptedReceiver.with([answer]) { receiver in
            try await withSender(receiver.url, timeoutMs: 300) { sender in
                #expect(await sender.post() == .delivered)
                try await eventually(else: "the connection stays open") { receiver.open == 0 }
            }
        }
    }

    @Test("Connections with bodies that do not end are as few as deliveries under way may be")
    func manySlowBodies() async throws {
        let answer = ScriptedReceiver.Answer(bytes: Self.head + "Content-Length: 50\r\n\r\n{")
        try await ScriptedReceiver.with([answer]) { receiver in
            try await withSender(receiver.url, timeoutMs: Self.patient, inFlightMax: 3) { sender in
                for _ in 0..<20 { #expect(await sender.post() == .delivered) }
                try await eventually(else: "\(receiver.open) connections stay open") { receiver.open == 3 }
            }
        }
    }

    @Test("One connection serves deliveries one after the other, whatever their outcome")
    func reuse() async throws {
        let answers = [
            ScriptedReceiver.Answer.ok, .init(bytes: "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy"),
            .init(bytes: "HTTP/1.1 204 No Content\r\n\r\n"), .ok,
        ]
        try await ScriptedReceiver.with(answers) { receiver in
            try await withSender(receiver.url) { sender in
                for expected in ["delivered", "retry", "delivered", "delivered"] {
                    #expect(await sender.post().word == expected)
                }
            }
            #expect(receiver.requests.count == 4)
            #expect(receiver.opened == 1)
        }
    }

    @Test("A receiver that closes after its answer is connected to anew", arguments: [true, false])
    func closing(_ isTold: Bool) async throws {
        let told = isTold ? "Connection: close\r\n" : ""
        let answer = ScriptedReceiver.Answer(
            bytes: "HTTP/1.1 200 OK\r\n\(told)Content-Length: 0\r\n\r\n", closes: true)
        try await ScriptedReceiver.with([answer]) { receiver in
            try await withSender(receiver.url) { sender in
                for count in 1...3 {
                    #expect(await sender.post() == .delivered)
                    // Untold, the sender learns it when the connection ends.
                    try await eventually(else: "a connection stays open") { receiver.open == 0 }
                    #expect(receiver.opened == count)
                }
            }
        }
    }

    @Test(
        "What is no HTTP is told as such",
        arguments: [
            "SSH-2.0-OpenSSH_9.6\r\n", "\u{15}\u{3}\u{1}\u{0}\u{2}\u{2}\u{50}", "<html>no head</html>\r\n\r\n",
            "HTTP/1.1 abc OK\r\n\r\n", "HTTP/1.1 200 OK\r\nno header\r\n\r\n",
        ])
    func garbage(_ bytes: String) async throws {
        let answers = [ScriptedReceiver.Answer(bytes: bytes), .ok]
        try await ScriptedReceiver.with(answers) { receiver in
            try await withSender(receiver.url, timeoutMs: Self.patient) { sender in
                let outcome = await sender.post()
                #expect(outcome == .retry(afterMs: nil, detail: DeliveryOutcome.noHTTP))
                #expect(await sender.post() == .delivered)
            }
        }
    }

    @Test("An answer that ends before its head does is none, but not because it were no HTTP", arguments: ["", head])
    func cutOff(_ bytes: String) async throws {
        let answer = ScriptedReceiver.Answer(bytes: bytes, closes: true)
        try await ScriptedReceiver.with([answer]) { receiver in
            try await withSender(receiver.url, timeoutMs: Self.patient) { sender in
                let outcome = await sender.post()
                #expect(outcome == .retry(afterMs: nil, detail: "no answer: the connection was closed"))
            }
        }
    }

    @Test(
        "Interim answers are skipped",
        arguments: [
            ("HTTP/1.1 100 Continue\r\n\r\n", "200 OK", "delivered"),
            ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n", "404 Not Found", "refused"),
        ])
    func interim(_ before: String, _ status: String, _ expected: String) async throws {
        let answer = ScriptedReceiver.Answer(bytes: before + "HTTP/1.1 \(status)\r\nContent-Length: 2\r\n\r\n{}")
        try await ScriptedReceiver.with([answer]) { receiver in
            try await withSender(receiver.url, timeoutMs: Self.patient) { sender in
                #expect(await sender.post().word == expected)
                #expect(await sender.post().word == expected)
                #expect(receiver.opened == 1)
            }
        }
    }

    @Test("Interim answers without an end are no answer")
    func interimForever() async throws {
        let answer = ScriptedReceiver.Answer(bytes: "", endless: "HTTP/1.1 100 Continue\r\n\r\n")
        try await ScriptedReceiver.with([answer]) { receiver in
            try await withSender(receiver.url, timeoutMs: 300) { sender in
                let outcome = await sender.post()
                #expect(outcome == .retry(afterMs: nil, detail: "no answer within 300 ms"))
            }
        }
    }

    @Test("Silence on a connection that answered before is given up after the timeout, and with it the connection")
    func silenceLater() async throws {
        let answers = [ScriptedReceiver.Answer.ok, .silence, .ok]
        try await ScriptedReceiver.with(answers) { receiver in
            try await withSender(receiver.url, timeoutMs: 300) { sender in
                #expect(await sender.post() == .delivered)
                let start = ContinuousClock.now
                let outcome = await sender.post()
                #expect(outcome == .retry(afterMs: nil, detail: "no answer within 300 ms"))
                #expect((.milliseconds(300)...(.seconds(10))).contains(start.duration(to: .now)))
                #expect(await sender.post() == .delivered)
                #expect(receiver.opened == 2)
            }
        }
    }

    @Test("Closing the sender ends connections and deliveries under way, and there are none after it")
    func closed() async throws {
        try await ScriptedReceiver.with([.ok, .silence]) { receiver in
            let sender = try CallbackSender(
                options: CallbackOptions(url: try CallbackURL(receiver.url), timeoutMs: Self.patient), inFlightMax: 3,
                eventLoop: MultiThreadedEventLoopGroup.singleton.next(), now: { 0 })
            #expect(await sender.post() == .delivered)
            async let underWay = sender.post()
            try await eventually(else: "no request came") { receiver.requests.count == 2 }
            await sender.close()
            #expect(await underWay.word == "retry")
            try await eventually(else: "a connection stays open") { receiver.open == 0 }
            #expect(await sender.post().word == "retry")
            #expect(receiver.opened == 1)
        }
    }
}

/// Runs the body with a sender.
func withSender(
    _ url: String, timeoutMs: Int = 2_000, inFlightMax: Int = 4, trusted: TrustedCertificates = .system,
    body: (CallbackSender) async throws -> Void
) async throws {
    let sender = try CallbackSender(
        options: CallbackOptions(url: try CallbackURL(url), timeoutMs: timeoutMs, trusted: trusted),
        inFlightMax: inFlightMax, eventLoop: MultiThreadedEventLoopGroup.singleton.next(), now: { 0 })
    do {
        try await body(sender)
        await sender.close()
    } catch {
        await sender.close()
        throw error
    }
}

extension CallbackSender {
    /// Delivers some change.
    func post() async -> DeliveryOutcome { await deliver(try! change(.login, .register, "Web")) }
}
