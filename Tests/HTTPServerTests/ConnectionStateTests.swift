import NIOCore
import NIOHTTP1
import Testing

@testable import HTTPServer

/// Transcripts of a connection's life, without sockets or clocks; accepted at second 0.
@Suite("The state of an HTTP connection")
struct ConnectionStateTests {
    private func at(_ seconds: Int) -> NIODeadline { .uptimeNanoseconds(1_000_000_000 * UInt64(1_000 + seconds)) }

    private func state(_ limits: HTTPServerLimits = HTTPServerLimits()) -> ConnectionState {
        ConnectionState(limits: limits, now: at(0))
    }

    @Test("A request is answered, and the next one")
    func keepAlive() {
        var state = state()
        for _ in 1...2 {
            #expect(state.request("/a", at: at(0)) == "run /a")
            #expect("\(state.answered(.init(.ok)))" == "write 200")
            #expect("\(state.wrote(isWritable: true, now: at(0)))" == "nothing")
        }
    }

    @Test("Requests that come together are run one by one, and answered in order")
    func pipelining() {
        var state = state()
        #expect(state.request("/a", at: at(0)) == "run /a")
        #expect(state.request("/b", at: at(0)) == "nothing")
        #expect("\(state.answered(.init(.ok)))" == "write 200")
        #expect("\(state.wrote(isWritable: true, now: at(0)))" == "run /b")
    }

    @Test("A refusal waits for the answers before it, and is the last")
    func refusalInOrder() {
        var state = state()
        _ = state.request("/a", at: at(0))
        #expect("\(state.refuse(.malformed, now: at(0)))" == "nothing")
        #expect(state.request("/b", at: at(0)) == "nothing", "it cannot be read")
        #expect("\(state.answered(.init(.ok)))" == "write 200")
        #expect("\(state.wrote(isWritable: true, now: at(0)))" == "refuse malformed")
        #expect("\(state.answered(.init(.badRequest)))" == "write 400, the last")
        #expect("\(state.wrote(isWritable: true, now: at(0)))" == "linger")
        #expect("\(state.inputClosed(now: at(0)))" == "close")
    }

    @Test("A client that asks for the end, and one of HTTP/1.0, get it behind their answer", arguments: [true, false])
    func lastRequest(_ isHTTP10: Bool) {
        var state = state()
        let fields: HTTPHeaders = isHTTP10 ? [:] : ["Connection": "keep-alive, Close"]
        #expect(state.request("/a", isHTTP10 ? .http1_0 : .http1_1, fields, at: at(0)) == "run /a")
        #expect(state.isReadingOn == false)
        #expect("\(state.answered(.init(.ok)))" == "write 200, the last")
        #expect("\(state.wrote(isWritable: true, now: at(0)))" == "linger")
    }

    @Test("Reading pauses while 64 requests wait, and goes on with one fewer")
    func readingAhead() {
        var state = state()
        for _ in 0..<64 { _ = state.request("/a", at: at(0)) }
        #expect(state.isReadingOn == true)
        _ = state.request("/a", at: at(0))
        #expect(state.isReadingOn == false)
        _ = state.answered(.init(.ok))
        _ = state.wrote(isWritable: true, now: at(0))
        #expect(state.isReadingOn == true)
    }

    @Test(
        "Reading pauses while the bodies of requests that wait fill a body of the largest size, and goes on with fewer")
    func bodiesAhead() {
        var limits = HTTPServerLimits()
        limits.bodyBytesMax = 100
        var state = state(limits)
        for _ in 1...3 {
            _ = state.head("/a", .http1_1, ["Content-Length": "50"], at: at(0))
            _ = state.received(ByteBuffer(repeating: 0, count: 50), now: at(0))
            #expect(state.intake == .parsing)
            _ = state.receivedEnd(now: at(0))
        }
        #expect(state.intake == .pausing)
        _ = state.answered(.init(.ok))
        _ = state.wrote(isWritable: true, now: at(0))
        #expect(state.intake == .parsing)
    }

    @Test(
        "What comes in spite of a pause is kept up to a limit: of more nothing is served, and the last answer says so")
    func receivedTooMuch() {
        var state = state()
        for _ in 0...64 { _ = state.request("/a", at: at(0)) }
        #expect(state.intake == .pausing)
        #expect("\(state.receivedTooMuch())" == "nothing")
        #expect(state.intake == .dropping)
        for _ in 1...64 {
            #expect("\(state.answered(.init(.ok)))" == "write 200")
            #expect("\(state.wrote(isWritable: true, now: at(0)))" == "run /a")
        }
        #expect("\(state.answered(.init(.ok)))" == "write 200, the last")
    }

    @Test("A body that is announced too long is refused by its head, one in chunks when it is too long")
    func bodyTooLarge() {
        var announced = state()
        let length = ["Content-Length": "1048577"] as HTTPHeaders
        #expect(announced.head("/a", .http1_1, length, at: at(0)) == "refuse bodyTooLarge")
        var chunked = state()
        #expect(chunked.head("/a", .http1_1, ["Transfer-Encoding": "chunked"], at: at(0)) == "nothing")
        let half = ByteBuffer(repeating: 0, count: 1 << 19)
        #expect("\(chunked.received(half, now: at(0)))" == "nothing")
        #expect("\(chunked.received(half, now: at(0)))" == "nothing")
        #expect("\(chunked.received(ByteBuffer(string: "x"), now: at(0)))" == "refuse bodyTooLarge")
        #expect(chunked.intake == .dropping)
    }

    @Test("What comes behind the last answer is read and dropped, so long and no longer, so much and no more")
    func lingering() {
        var limits = HTTPServerLimits()
        limits.lingerBytesMax = 10
        for isTime in [true, false] {
            var state = state(limits)
            _ = state.refuse(.malformed, now: at(0))
            #expect(state.isReadingOn == false)
            _ = state.answered(.init(.badRequest))
            #expect("\(state.wrote(isWritable: true, now: at(0)))" == "linger")
            #expect(state.isReadingOn == true)
            #expect(state.intake == .dropping)
            #expect("\(state.dropped(bytes: 10))" == "nothing")
            if isTime {
                #expect("\(state.tick(now: at(9)))" == "nothing")
                #expect("\(state.tick(now: at(10)))" == "close")
            } else {
                #expect("\(state.dropped(bytes: 1))" == "close")
            }
        }
    }

    @Test("A client that asks for the go-ahead gets it, in its turn")
    func expectations() {
        let expecting: HTTPHeaders = ["Expect": "100-Continue", "Content-Length": "1"]
        var state = state()
        #expect(state.head("/a", .http1_1, expecting, at: at(0)) == "continue")
        _ = state.received(ByteBuffer(string: "x"), now: at(0))
        #expect("\(state.receivedEnd(now: at(0)))" == "run /a")
        #expect(state.head("/b", .http1_1, expecting, at: at(0)) == "nothing")
        _ = state.answered(.init(.ok))
        #expect("\(state.wrote(isWritable: true, now: at(0)))" == "continue")
    }

    @Test("A client that asks for the go-ahead gets its answer instead where that is known")
    func knownAnswer() {
        var state = state()
        let expecting: HTTPHeaders = ["Expect": "100-continue", "Content-Length": "1"]
        let answer = state.head("/a", .http1_1, expecting, .answer(.init(.unauthorized)), at: at(0))
        #expect(answer == "write 401, the last")
        var plain = self.state()
        let length = ["Content-Length": "1"] as HTTPHeaders
        #expect(plain.head("/a", .http1_1, length, .answer(.init(.unauthorized)), at: at(0)) == "nothing")
        _ = plain.received(ByteBuffer(string: "x"), now: at(0))
        #expect("\(plain.receivedEnd(now: at(0)))" == "write 401", "its body was read: the connection lives on")
    }

    @Test("An upgrade waits for the answers before it")
    func upgrade() {
        let fields: HTTPHeaders = ["Connection": "Upgrade", "Upgrade": "other"]
        let decision = HTTPServerDecision.upgrade(HTTPServerUpgrade(headers: []) { _, _ in })
        var state = state()
        _ = state.request("/a", at: at(0))
        #expect(state.request("/b", .http1_1, fields, decision, at: at(0)) == "nothing")
        #expect(state.isReadingOn == false)
        #expect(state.intake == .handingOver)
        _ = state.answered(.init(.ok))
        #expect("\(state.wrote(isWritable: true, now: at(0)))" == "upgrade")
        #expect(state.deadline == nil)
    }
}

// Time.
extension ConnectionStateTests {
    @Test("The first head must be there within 5 s, however it comes; nothing at all gets no answer")
    func firstHead() {
        var silent = state()
        #expect(silent.deadline == at(5))
        #expect("\(silent.tick(now: at(5)))" == "close")
        var slow = state()
        slow.receivedBytes(now: at(4))
        #expect(slow.deadline == at(5))
        #expect("\(slow.tick(now: at(5)))" == "refuse tooSlow")
    }

    @Test("A later head has 10 s from its first bytes, a body 20 s from its head")
    func slowRequests() {
        var state = state()
        _ = state.request("/a", at: at(0))
        _ = state.answered(.init(.ok))
        _ = state.wrote(isWritable: true, now: at(1))
        #expect(state.deadline == at(76), "idle")
        state.receivedBytes(now: at(50))
        state.receivedBytes(now: at(55))
        #expect(state.deadline == at(60))
        #expect(state.head("/b", .http1_1, ["Content-Length": "9"], at: at(59)) == "nothing")
        _ = state.received(ByteBuffer(string: "x"), now: at(70))
        #expect(state.deadline == at(79))
        #expect("\(state.tick(now: at(78)))" == "nothing")
        #expect("\(state.tick(now: at(79)))" == "refuse tooSlow")
    }

    @Test("A client between two requests is let go after 75 s; the time an answer takes does not count")
    func idle() {
        var state = state()
        _ = state.request("/a", at: at(0))
        #expect(state.deadline == nil)
        _ = state.answered(.init(.ok))
        _ = state.wrote(isWritable: true, now: at(300))
        #expect("\(state.tick(now: at(374)))" == "nothing")
        #expect("\(state.tick(now: at(375)))" == "close")
    }

    @Test("A client that does not read is let go after 20 s, and costs no handler meanwhile")
    func unread() {
        var state = state()
        _ = state.request("/a", at: at(0))
        _ = state.request("/b", at: at(0))
        _ = state.answered(.init(.ok))
        #expect("\(state.wrote(isWritable: false, now: at(1)))" == "nothing")
        #expect(state.isReadingOn == false)
        #expect("\(state.becameWritable(now: at(20)))" == "run /b")
        _ = state.answered(.init(.ok))
        _ = state.wrote(isWritable: false, now: at(21))
        #expect("\(state.tick(now: at(40)))" == "nothing")
        #expect("\(state.tick(now: at(41)))" == "close")
    }

    @Test("While reading pauses no request is too slow")
    func pausedReading() {
        var limits = HTTPServerLimits()
        limits.requestsAheadMax = 1
        var state = state(limits)
        _ = state.request("/a", at: at(0))
        _ = state.request("/b", at: at(0))
        _ = state.head("/c", .http1_1, ["Content-Length": "9"], at: at(0))
        #expect(state.deadline == nil)
        _ = state.answered(.init(.ok))
        _ = state.wrote(isWritable: true, now: at(100))
        #expect(state.deadline == at(120))
    }

    @Test("While a client does not read its answer its next request is not too slow, as it is not read on")
    func blockedReading() {
        var state = state()
        _ = state.request("/a", at: at(0))
        _ = state.answered(.init(.ok))
        _ = state.head("/b", .http1_1, ["Content-Length": "9"], at: at(0))
        _ = state.wrote(isWritable: false, now: at(1))
        #expect(state.deadline == at(21))
        #expect("\(state.becameWritable(now: at(20)))" == "nothing")
        #expect(state.deadline == at(40))
    }

    @Test("A stream may take its time, but not its client")
    func streaming() {
        var state = state()
        _ = state.request("/a", at: at(0))
        _ = state.answered(.init(.ok, stream: AsyncThrowingStream<ByteBuffer, any Error> { $0.finish() }))
        #expect(state.deadline == nil)
        state.streamBlocked(now: at(1))
        #expect(state.deadline == at(21))
        _ = state.becameWritable(now: at(2))
        #expect(state.deadline == nil)
        #expect("\(state.wrote(isWritable: true, now: at(3)))" == "nothing")
        #expect(state.request("/b", at: at(4)) == "run /b")
    }
}

// The end.
extension ConnectionStateTests {
    @Test("A client that does not read its stream holds up a stop by a second, not by the time it has otherwise")
    func stopUnreadStream() {
        var state = state()
        _ = state.request("/a", at: at(0))
        _ = state.answered(.init(.ok, stream: AsyncThrowingStream<ByteBuffer, any Error> { $0.finish() }))
        state.streamBlocked(now: at(1))
        #expect("\(state.stop(now: at(2)))" == "nothing")
        #expect(state.deadline == at(3))
        #expect("\(state.tick(now: at(3)))" == "close")
    }

    @Test("Nor does one that stops reading while the server stops, by more than any answer may take")
    func stopBlockedStream() {
        var state = state()
        _ = state.request("/a", at: at(0))
        _ = state.answered(.init(.ok, stream: AsyncThrowingStream<ByteBuffer, any Error> { $0.finish() }))
        _ = state.stop(now: at(2))
        let stopBy = state.deadline
        state.streamBlocked(now: at(3))
        #expect(stopBy != nil && state.deadline == stopBy)
    }

    @Test("A server that stops lets go of whoever has asked for nothing")
    func stopIdle() {
        var idle = state()
        #expect("\(idle.stop(now: at(1)))" == "close")
        var begun = state()
        begun.receivedBytes(now: at(1))
        #expect("\(begun.stop(now: at(1)))" == "close")
    }

    @Test("A server that stops answers what was asked, and says that it was the last")
    func stopAnswering() {
        var state = state()
        _ = state.request("/a", at: at(0))
        _ = state.request("/b", at: at(0))
        #expect("\(state.stop(now: at(1)))" == "nothing")
        #expect("\(state.answered(.init(.ok)))" == "write 200")
        #expect("\(state.wrote(isWritable: true, now: at(2)))" == "run /b")
        #expect("\(state.answered(.init(.ok)))" == "write 200, the last")
        #expect("\(state.wrote(isWritable: true, now: at(3)))" == "linger")
        #expect(state.deadline == at(4))
    }

    @Test("A server that stops gives a request a second to come to its end, and an answer six")
    func stopSlow() {
        var reading = state()
        _ = reading.head("/a", .http1_1, ["Content-Length": "1"], at: at(0))
        _ = reading.stop(now: at(1))
        #expect(reading.deadline == at(2))
        _ = reading.received(ByteBuffer(string: "x"), now: at(1))
        #expect("\(reading.receivedEnd(now: at(1)))" == "run /a")
        #expect(reading.deadline == at(7))
        #expect("\(reading.tick(now: at(7)))" == "close")
    }

    @Test("A client that has closed its side gets the answers to what it asked in full, and no linger")
    func inputClosed() {
        var state = state()
        _ = state.request("/a", at: at(0))
        _ = state.head("/b", .http1_1, ["Content-Length": "1"], at: at(0))
        #expect("\(state.inputClosed(now: at(0)))" == "nothing")
        #expect("\(state.answered(.init(.ok)))" == "write 200, the last")
        #expect("\(state.wrote(isWritable: true, now: at(0)))" == "close")
    }

    @Test("What is heard of a closed connection changes nothing")
    func closed() {
        var state = state()
        _ = state.request("/a", at: at(0))
        _ = state.close()
        #expect("\(state.answered(.init(.ok)))" == "nothing")
        #expect("\(state.wrote(isWritable: true, now: at(0)))" == "nothing")
        #expect("\(state.stop(now: at(0)))" == "nothing")
        #expect(state.request("/b", at: at(0)) == "nothing")
        #expect(state.deadline == nil)
    }
}

extension ConnectionState {
    /// A request that comes whole.
    fileprivate mutating func request(
        _ path: String, _ version: HTTPVersion = .http1_1, _ fields: HTTPHeaders = [:],
        _ decision: HTTPServerDecision = .handle { _ in .init(.ok) }, at now: NIODeadline
    ) -> String {
        let first = head(path, version, fields, decision, at: now)
        return first == "nothing" ? "\(receivedEnd(now: now))" : first
    }

    fileprivate mutating func head(
        _ path: String, _ version: HTTPVersion, _ fields: HTTPHeaders,
        _ decision: HTTPServerDecision = .handle { _ in .init(.ok) }, at now: NIODeadline
    ) -> String {
        var bytes = ByteBuffer(string: "POST \(path) HTTP/\(version.major).\(version.minor)\r\nHost: x\r\n")
        for (name, value) in fields { bytes.writeString("\(name): \(value)\r\n") }
        bytes.writeString("\r\n")
        var parser = RequestParser(HTTPServerLimits())
        do {
            guard case .head(let request)? = try parser.next(in: &bytes) else { return "no head" }
            return "\(received(request, decision, now: now))"
        } catch {
            return "refused \(error)"
        }
    }
}

extension ConnectionState.Action: CustomStringConvertible {
    public var description: String {
        switch self {
        case .nothing: "nothing"
        case .run(let request, _): "run \(request.path)"
        case .refuse(let refusal, _): "refuse \(refusal)"
        case .write(let response, let form): "write \(response.status.code)\(form.isLast ? ", the last" : "")"
        case .sayContinue: "continue"
        case .upgrade: "upgrade"
        case .linger: "linger"
        case .close: "close"
        }
    }
}
