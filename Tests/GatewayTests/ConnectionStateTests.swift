import NIOCore
import NIOWebSocket
import PresenceCore
import PresenceStore
import Testing

@testable import Gateway

/// Transcripts: what happened, and what the connection does then.
@Suite("The life of a client's connection")
struct ConnectionStateTests {
    typealias State = ConnectionState
    typealias Action = ConnectionState.Action

    static let start = NIODeadline.now()
    static let session = try! SessionID("Web:default:one")
    static let other = try! SessionID("Android:default:two")
    static let timing = HeartbeatTiming(intervalMs: 20_000, timeoutMs: 60_000)

    static func at(_ seconds: Int64) -> NIODeadline { start + .seconds(seconds) }

    static func opening() -> State {
        var state = State(token: "t", isTokenNeeded: true, now: start)
        _ = state.start(now: start)
        return state
    }

    static func live() -> State {
        var state = opening()
        _ = state.opened(.accepted(session, version: 7, timing, resumed: false), now: start)
        return state
    }

    static func text(_ text: String) -> MessageAssembler.Event { .message(text) }
    static let logout = text(#"{"type":"logout"}"#)
    static let heartbeat = text(#"{"type":"heartbeat"}"#)

    /// The close codes among the actions.
    static func closes(_ actions: [Action]) -> [UInt16?] {
        actions.compactMap { if case .close(let code, _) = $0 { code } else { nil } }
    }

    @Test("A token of the request opens the session; without one the first message has to bring it")
    func token() {
        var ready = State(token: "t", isTokenNeeded: true, now: Self.start)
        #expect(ready.start(now: Self.start) == [.work(.open(token: "t"))])
        var open = State(token: nil, isTokenNeeded: false, now: Self.start)
        #expect(open.start(now: Self.start) == [.work(.open(token: nil))])

        var waiting = State(token: nil, isTokenNeeded: true, now: Self.start)
        #expect(waiting.start(now: Self.start) == [])
        #expect(
            waiting.received(Self.text(#"{"type":"token","token":"t"}"#), now: Self.at(1))
                == [.work(.open(token: "t"))])

        var impatient = State(token: nil, isTokenNeeded: true, now: Self.start)
        #expect(Self.closes(impatient.received(Self.heartbeat, now: Self.at(1))) == [4001])

        var silent = State(token: nil, isTokenNeeded: true, now: Self.start)
        #expect(silent.tick(now: Self.at(4)) == [])
        #expect(Self.closes(silent.tick(now: Self.at(5))) == [4102])
    }

    @Test("An opened session is welcomed; heartbeats and pings renew it")
    func heartbeats() {
        var state = Self.opening()
        #expect(state.received(Self.heartbeat, now: Self.start) == [], "nothing to renew yet")
        #expect(
            state.opened(.accepted(Self.session, version: 7, Self.timing, resumed: true), now: Self.start)
                == [.send(.welcome(Self.session, version: 7, Self.timing, resumed: true))])
        #expect(state.received(Self.heartbeat, now: Self.at(1)) == [.beat(Self.session)])
        #expect(
            state.received(.ping(ByteBuffer(string: "p")), now: Self.at(2))
                == [.pong(ByteBuffer(string: "p")), .beat(Self.session)])
        #expect(state.acknowledged() == [.send(.heartbeat)])
    }

    @Test("A client not heard for long is asked once, then closed at its timeout; its session is left to its lease")
    func silence() {
        var state = Self.live()
        #expect(state.deadline == Self.at(40))
        #expect(state.tick(now: Self.at(39)) == [])
        #expect(state.tick(now: Self.at(40)) == [.send(.heartbeatWanted)])
        #expect(state.tick(now: Self.at(50)) == [])
        let actions = state.tick(now: Self.at(60))
        #expect(Self.closes(actions) == [4101])
        #expect(actions.count == 1, "no disconnect: that would not be a timeout")
        #expect(state.connectionLost(now: Self.at(61)) == [])

        var answering = Self.live()
        _ = answering.tick(now: Self.at(40))
        _ = answering.received(Self.heartbeat, now: Self.at(41))
        #expect(answering.deadline == Self.at(81))
    }

    @Test("A socket on which nothing passes is sent a ping; what comes back or passes otherwise puts the next one off")
    func keepalive() {
        var state = State(token: "t", isTokenNeeded: true, keepalive: .seconds(15), now: Self.start)
        _ = state.start(now: Self.start)
        _ = state.opened(.accepted(Self.session, version: 7, Self.timing, resumed: false), now: Self.start)
        #expect(state.deadline == Self.at(15))
        #expect(state.tick(now: Self.at(14)) == [])
        #expect(state.tick(now: Self.at(15)) == [.ping])
        state.passed(now: Self.at(15))
        #expect(state.deadline == Self.at(30))
        state.passed(now: Self.at(27))
        #expect(state.tick(now: Self.at(30)) == [])
        #expect(state.deadline == Self.at(40), "to be asked is more than a ping")
    }

    @Test("The pongs to it neither renew the session nor are a sign of life")
    func pongs() {
        var state = State(token: "t", isTokenNeeded: true, keepalive: .seconds(15), now: Self.start)
        _ = state.start(now: Self.start)
        _ = state.opened(.accepted(Self.session, version: 7, Self.timing, resumed: false), now: Self.start)
        var done: [Action] = []
        while let deadline = state.deadline, deadline <= Self.at(60) {
            done += state.tick(now: deadline)
            state.passed(now: deadline)
            var pongs = MessageAssembler()
            let pong = Frame(opcode: .pong, isMasked: true)
            #expect(pongs.read(pong) == nil, "nothing the state hears of")
            if !Self.closes(done).isEmpty { break }
        }
        #expect(done.dropLast() == [.ping, .ping, .send(.heartbeatWanted), .ping])
        #expect(Self.closes(done) == [4101])
    }

    @Test("A heartbeat that Redis could not be asked for is answered so, and the client was heard all the same")
    func unrecorded() {
        var state = Self.live()
        #expect(state.received(Self.heartbeat, now: Self.at(30)) == [.beat(Self.session)])
        #expect(state.unrecorded() == [.send(.unrecorded)])
        #expect(state.deadline == Self.at(70))
        _ = state.received(Self.logout, now: Self.at(31))
        #expect(state.unrecorded() == [])
        _ = state.connectionLost(now: Self.at(32))
        #expect(state.unrecorded() == [])
    }

    @Test("A socket that closes without a logout disconnects the session, once")
    func closing() {
        var polite = Self.live()
        #expect(
            polite.received(.close(1001), now: Self.at(1))
                == [.close(1001, ""), .work(.disconnect(Self.session)), .drop])
        #expect(polite.connectionLost(now: Self.at(1)) == [])

        var cut = Self.live()
        #expect(cut.connectionLost(now: Self.at(1)) == [.work(.disconnect(Self.session))])
        #expect(cut.stop(now: Self.at(2)) == [], "nothing more to close")

        for violation in [CloseCode.protocolError, .invalidUTF8, .tooBig, .unsupportedData] {
            var violating = Self.live()
            let actions = violating.received(.violation(violation, "why"), now: Self.at(1))
            #expect(actions == [.close(violation.rawValue, "why"), .work(.disconnect(Self.session))])
        }

        var flooding = Self.live()
        let flood = flooding.sentTooMuch(now: Self.at(1))
        #expect(Self.closes(flood) == [4103])
        #expect(flood.contains(.work(.disconnect(Self.session))))

        var deaf = Self.live()
        #expect(deaf.readTooLittle(now: Self.at(1)) == [.work(.disconnect(Self.session)), .drop])
    }

    @Test("A client gone before its session was opened is disconnected as soon as it is")
    func goneEarly() {
        var state = Self.opening()
        #expect(state.connectionLost(now: Self.at(1)) == [])
        #expect(
            state.opened(.accepted(Self.session, version: 7, Self.timing, resumed: false), now: Self.at(2))
                == [.work(.disconnect(Self.session))])
    }

    @Test("A client that logged out and was gone before its session was opened is logged out as soon as it is")
    func loggedOutEarly() {
        var state = Self.opening()
        #expect(state.received(.message(#"{"type":"logout"}"#), now: Self.at(1)) == [])
        #expect(state.connectionLost(now: Self.at(1)) == [])
        #expect(
            state.opened(.accepted(Self.session, version: 7, Self.timing, resumed: false), now: Self.at(2))
                == [.work(.logout(Self.session))])
        #expect(
            state.loggedOut(Self.session, isRecorded: false, now: Self.at(3)) == [.work(.disconnect(Self.session))])
    }

    @Test("It is also logged out where its session goes on too late, or the worker stops meanwhile")
    func loggedOutTooEarly() {
        var late = Self.opening()
        #expect(late.received(.message(#"{"type":"logout"}"#), now: Self.at(1)) == [])
        _ = late.tick(now: Self.at(9))
        let resumed = ConnectionState.Opening.accepted(Self.session, version: 7, Self.timing, resumed: true)
        #expect(late.opened(resumed, now: Self.at(10)) == [.work(.logout(Self.session))])

        var stopped = Self.opening()
        #expect(stopped.received(.message(#"{"type":"logout"}"#), now: Self.at(1)) == [])
        #expect(stopped.connectionLost(now: Self.at(1)) == [])
        _ = stopped.stop(now: Self.at(1))
        #expect(stopped.opened(resumed, now: Self.at(2)) == [.work(.logout(Self.session))])
    }

    @Test("A client is not kept waiting for its welcome for long; a session opened too late is disconnected")
    func openingTooSlow() {
        var state = Self.opening()
        #expect(state.tick(now: Self.at(7)) == [] && state.isOpening)
        #expect(Self.closes(state.tick(now: Self.at(8))) == [1013])
        #expect(!state.isOpening)
        #expect(
            state.opened(.accepted(Self.session, version: 7, Self.timing, resumed: false), now: Self.at(9))
                == [.work(.disconnect(Self.session))])

        var back = Self.opening()
        _ = back.tick(now: Self.at(8))
        _ = back.connectionLost(now: Self.at(8))
        #expect(
            back.opened(.accepted(Self.session, version: 7, Self.timing, resumed: true), now: Self.at(9)) == [],
            "its client was told to come back for it")
    }

    @Test("A session that may have been opened is disconnected when the client is put off")
    func uncertain() {
        let refusal = Refusal(code: .tryAgainLater, error: .redisUnavailable, detail: "")
        var state = Self.opening()
        let actions = state.opened(.uncertain(Self.session, refusal), now: Self.at(1))
        #expect(actions.contains(.work(.disconnect(Self.session))) && Self.closes(actions) == [1013])
        var gone = Self.opening()
        _ = gone.connectionLost(now: Self.at(1))
        #expect(
            gone.opened(.uncertain(Self.session, refusal), now: Self.at(2)) == [.work(.disconnect(Self.session))])
    }

    @Test("A client whose later attempt was here first is closed, and nothing is disconnected")
    func late() {
        var state = Self.opening()
        let actions = state.opened(.late, now: Self.at(1))
        #expect(Self.closes(actions) == [4004] && actions.count == 1)
        #expect(state.connectionLost(now: Self.at(2)) == [])
    }

    @Test("A logout ends the session when it is recorded; otherwise the client is told and may try again")
    func logout() {
        var state = Self.live()
        #expect(state.received(Self.logout, now: Self.at(1)) == [.work(.logout(Self.session))])
        #expect(state.received(Self.logout, now: Self.at(1)) == [], "it is under way")
        let failed = state.loggedOut(Self.session, isRecorded: false, now: Self.at(2))
        #expect(Self.closes(failed) == [])
        #expect(state.received(Self.logout, now: Self.at(3)) == [.work(.logout(Self.session))])
        #expect(
            state.loggedOut(Self.session, isRecorded: true, now: Self.at(4)) == [.send(.logout), .close(1000, "")])
        #expect(state.connectionLost(now: Self.at(5)) == [])

        var gone = Self.live()
        _ = gone.received(Self.logout, now: Self.at(1))
        #expect(gone.connectionLost(now: Self.at(2)) == [])
        #expect(
            gone.loggedOut(Self.session, isRecorded: false, now: Self.at(3)) == [.work(.disconnect(Self.session))])

        var early = Self.opening()
        #expect(early.received(Self.logout, now: Self.start) == [])
        let opened = early.opened(.accepted(Self.session, version: 7, Self.timing, resumed: false), now: Self.start)
        #expect(opened.last == .work(.logout(Self.session)))
    }

    @Test("A session that ended elsewhere closes the socket with the reason, and is not disconnected")
    func ended() {
        let endings: [(Notice.What, UInt16)] = [
            (.displaced(by: Self.other), 4000), (.kicked(note: "spam"), 4000), (.loggedOut, 1000), (.moved, 4004),
            (.gone, 4100),
        ]
        for (what, code) in endings {
            var state = Self.live()
            let actions = state.told(what, now: Self.at(1))
            #expect(Self.closes(actions) == [code])
            #expect(state.connectionLost(now: Self.at(2)) == [])
            #expect(!actions.contains(.work(.disconnect(Self.session))))
        }
        var state = Self.live()
        #expect(Self.closes(state.gone(now: Self.at(1))) == [4100])
        #expect(state.gone(now: Self.at(1)) == [], "once")
    }

    @Test("A session displaced while it is being opened is welcomed and forced offline")
    func endedEarly() {
        var state = Self.opening()
        #expect(state.told(.displaced(by: Self.other), now: Self.start) == [])
        let actions = state.opened(
            .accepted(Self.session, version: 7, Self.timing, resumed: false), now: Self.at(1))
        #expect(actions.contains(.send(.kicked(by: Self.other, note: nil))))
        #expect(Self.closes(actions) == [4000])
    }

    @Test("A stopping worker closes with a time to come back after, and leaves the lease alive")
    func stopping() {
        for var state in [Self.live(), Self.opening(), State(token: nil, isTokenNeeded: true, now: Self.start)] {
            guard case .close(1012, let reason)? = state.stop(now: Self.at(1)).first else {
                Issue.record("not closed for a restart")
                continue
            }
            #expect(reason.wholeMatch(of: /retry-after-ms=\d{1,4}/) != nil)
            #expect(state.connectionLost(now: Self.at(2)) == [])
            #expect(
                state.opened(.accepted(Self.session, version: 7, Self.timing, resumed: false), now: Self.at(3)) == [])
        }
    }

    @Test("A stopping worker gives who logs out its answer; if it cannot be recorded, the client is to come back")
    func stoppingInALogout() {
        var recorded = Self.live()
        _ = recorded.received(Self.logout, now: Self.at(1))
        #expect(recorded.stop(now: Self.at(2)) == [])
        #expect(
            recorded.loggedOut(Self.session, isRecorded: true, now: Self.at(3)) == [.send(.logout), .close(1000, "")])

        var failed = Self.live()
        _ = failed.received(Self.logout, now: Self.at(1))
        _ = failed.stop(now: Self.at(2))
        let actions = failed.loggedOut(Self.session, isRecorded: false, now: Self.at(3))
        #expect(Self.closes(actions) == [1012])
        #expect(!actions.contains(.work(.disconnect(Self.session))), "the lease is left to live")

        var early = Self.opening()
        _ = early.received(Self.logout, now: Self.start)
        #expect(early.stop(now: Self.start) == [])
        let opened = early.opened(.accepted(Self.session, version: 7, Self.timing, resumed: false), now: Self.start)
        #expect(opened.last == .work(.logout(Self.session)))
        #expect(
            early.loggedOut(Self.session, isRecorded: true, now: Self.start) == [.send(.logout), .close(1000, "")])
    }

    @Test("Our close frame waits a moment for the client's, then the socket is dropped")
    func closeHandshake() {
        var answered = Self.live()
        _ = answered.gone(now: Self.start)
        #expect(answered.received(Self.heartbeat, now: Self.start) == [])
        #expect(answered.received(.close(4100), now: Self.start) == [.drop])

        var ignored = Self.live()
        _ = ignored.gone(now: Self.start)
        #expect(ignored.tick(now: Self.at(1)) == [.drop])
    }

    @Test("A message that is none closes the socket; one of an unknown type is answered and ignored")
    func messages() {
        for text in ["", "hello", "[]", "{}", "null", #"{"type":1}"#, #"{"type":"token"}"#] {
            var state = Self.live()
            #expect(Self.closes(state.received(.message(text), now: Self.at(1))) == [4002], "\(text)")
        }
        var state = Self.live()
        let actions = state.received(.message(#"{"type":"wave","to":"bob"}"#), now: Self.at(1))
        #expect(actions.count == 1 && Self.closes(actions) == [])
        #expect(state.session == Self.session)
    }

    @Test("A refusal says why, then closes; one for the moment says when to come back")
    func refusals() {
        var state = Self.opening()
        #expect(
            state.opened(.refused(.loginRejected), now: Self.start) == [
                .send(.error(.loginRejected, detail: Refusal.loginRejected.detail)),
                .close(4003, Refusal.loginRejected.detail),
            ])
        var busy = Self.opening()
        guard case .close(1013, let reason)? = busy.opened(.refused(.overloaded), now: Self.start).last else {
            Issue.record("not put off")
            return
        }
        #expect(reason.hasPrefix("retry-after-ms="))

        var stopping = Self.opening()
        let actions = stopping.refused(.stopping, now: Self.start)
        guard case .close(1012, let pause)? = actions.last else {
            Issue.record("not put off")
            return
        }
        #expect(pause.hasPrefix("retry-after-ms="))
        #expect(!Refusal.stopping.detail.hasPrefix("retry-after-ms="), "that is no sentence")
    }
}
