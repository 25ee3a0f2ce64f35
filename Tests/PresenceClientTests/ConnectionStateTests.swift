import NIOCore
import PresenceProtocol
import Testing

@testable import PresenceClient

/// Transcripts of a client's life, without sockets or clocks. It heartbeats every 20 s and is lost after 100.
@Suite("The state of a client's connection")
struct ConnectionStateTests {
    private func at(_ seconds: Int) -> NIODeadline { .uptimeNanoseconds(1_000_000_000 * UInt64(seconds)) }

    private func state(session: String? = nil, heartbeatInterval: Duration? = nil) -> ConnectionState {
        ConnectionState(
            session: session, policy: ReconnectPolicy(pauseMin: .milliseconds(500), pauseMax: .seconds(15)),
            heartbeatInterval: heartbeatInterval)
    }

    private let welcome = welcome("Web:one:g1")

    private static func welcome(_ session: String) -> ServerMessage {
        .welcome(.init(session: session, version: 1, intervalSeconds: 20, timeoutSeconds: 100, isResumed: false))
    }

    /// Welcomed at second 0.
    private func online() -> ConnectionState {
        var state = state()
        _ = state.start(now: at(0))
        _ = state.received(welcome, now: at(0))
        return state
    }

    @Test("A client connects, is welcomed, and heartbeats every interval")
    func heartbeats() {
        var state = state()
        #expect(state.start(now: at(0)) == [.connect(session: nil)])
        #expect(state.start(now: at(0)) == [])
        #expect(state.received(welcome, now: at(1)) == [.tell(.connected(session: "Web:one:g1", resumed: false))])
        for beat in 1...3 {
            let now = at(1 + 20 * beat)
            #expect(state.nextDeadline == now)
            #expect(state.tick(now: now) == [.send(.heartbeat)])
            let answered = now + .milliseconds(3)
            #expect(
                state.received(.heartbeat, now: answered)
                    == [.tell(.heartbeat(latency: .milliseconds(3)))])
        }
    }

    @Test("A client in a hurry asks whether its connection lives, once, and gives it up after 5 s")
    func hurryOnline() {
        var state = online()
        #expect(state.hurry(now: at(1)) == [.ping])
        #expect(state.hurry(now: at(2)) == [] && state.nextDeadline == at(6))
        _ = state.received(nil, now: at(3))
        #expect(state.tick(now: at(6)) == [], "it lives")
        #expect(state.hurry(now: at(7)) == [.ping])
        #expect(isDrop(state.tick(now: at(12))))
        #expect(!state.isComingBack, "it is closed next")
        _ = state.closed(1006, reason: "", now: at(12))
        #expect(state.isComingBack)
    }

    @Test("A client in a hurry ends a pause")
    func hurry() {
        var idle = state()
        #expect(idle.hurry(now: at(0)) == [])
        var state = online()
        _ = state.closed(1006, reason: "", now: at(1), part: 1)
        #expect(state.hurry(now: at(1)) == [.connect(session: "Web:one:g1")])
        #expect(state.hurry(now: at(1)) == [], "it is connecting")
        _ = state.close()
        #expect(state.hurry(now: at(2)) == [])
    }

    @Test("The configured interval beats the one the service asks for")
    func ownInterval() {
        var state = state(heartbeatInterval: .seconds(5))
        _ = state.start(now: at(0))
        _ = state.received(welcome, now: at(0))
        #expect(state.nextDeadline == at(5))
    }

    @Test("A wanted heartbeat is sent at once, and the next an interval later")
    func wanted() {
        var state = online()
        #expect(state.received(.heartbeatWanted, now: at(7)) == [.send(.heartbeat)])
        #expect(state.nextDeadline == at(27))
    }

    @Test("A lost connection is taken up again with the session of the last welcome")
    func resumes() {
        var state = online()
        #expect(
            state.closed(1006, reason: "lost", now: at(5), part: 0)
                == [.tell(.disconnected(code: 1006, reason: "lost", retryIn: .milliseconds(500)))])
        #expect(state.nextDeadline == at(5) + .milliseconds(500))
        #expect(state.tick(now: at(5)) == [])
        #expect(state.tick(now: at(6)) == [.connect(session: "Web:one:g1")])
        _ = state.received(Self.welcome("Web:one:g2"), now: at(6))
        _ = state.closed(4100, reason: "", now: at(7))
        #expect(state.tick(now: at(60)) == [.connect(session: "Web:one:g2")])
    }

    @Test("A client can take over an earlier one's session")
    func earlierSession() {
        var state = state(session: "Web:one:g0")
        #expect(state.start(now: at(0)) == [.connect(session: "Web:one:g0")])
    }

    @Test("Pauses start over only after a connection that lasted")
    func backoffReset() {
        var state = online()
        #expect(pause(state.closed(1006, reason: "", now: at(10), part: 1)) == .seconds(1))
        _ = state.tick(now: at(20))
        _ = state.received(welcome, now: at(20))
        #expect(pause(state.closed(1006, reason: "", now: at(21), part: 1)) == .seconds(2))
        _ = state.tick(now: at(30))
        _ = state.received(welcome, now: at(30))
        #expect(pause(state.closed(1006, reason: "", now: at(45), part: 1)) == .seconds(1))
    }

    private func pause(_ actions: [ConnectionState.Action]) -> Duration? {
        if case .tell(.disconnected(_, _, let pause)) = actions.first { pause } else { nil }
    }

    @Test("No welcome in time drops the connection")
    func noWelcome() {
        var state = state()
        _ = state.start(now: at(0))
        #expect(state.nextDeadline == at(10))
        #expect(isDrop(state.tick(now: at(10))))
    }

    private func isDrop(_ actions: [ConnectionState.Action]) -> Bool {
        if case .drop = actions.first { actions.count == 1 } else { false }
    }

    @Test("A way that has died is asked with a ping halfway between interval and timeout, and given up 5 s later")
    func silence() {
        var state = online()
        for beat in [20, 40] { #expect(state.tick(now: at(beat)) == [.send(.heartbeat)]) }
        #expect(state.nextDeadline == at(60))
        #expect(state.tick(now: at(60)) == [.send(.heartbeat), .ping])
        #expect(state.nextDeadline == at(65))
        #expect(isDrop(state.tick(now: at(65))))
    }

    @Test("Where the timeout is short it waits no longer than a tenth of it")
    func shortTimeout() {
        var state = connecting()
        let welcome = ServerMessage.Welcome(
            session: "s", version: 1, intervalSeconds: 4, timeoutSeconds: 20, isResumed: false)
        _ = state.received(.welcome(welcome), now: at(0))
        #expect(state.tick(now: at(12)) == [.send(.heartbeat), .ping])
        #expect(state.nextDeadline == at(14))
    }

    @Test(
        "An interval or timeout that no client can keep is brought into bounds",
        arguments: [(-1.0, 10), (0, 10), (1e300, 86_400_000)])
    func timingBounds(seconds: Double, beatMs: Int64) {
        var state = connecting()
        let welcome = ServerMessage.Welcome(
            session: "s", version: 1, intervalSeconds: seconds, timeoutSeconds: seconds, isResumed: false)
        _ = state.received(.welcome(welcome), now: at(0))
        #expect(state.nextDeadline == at(0) + .milliseconds(beatMs))
    }

    @Test("A service that answers pings is alive, though it acknowledges nothing while its Redis is away")
    func redisAway() {
        var state = online()
        for second in stride(from: 10, through: 600, by: 10) {
            for action in state.tick(now: at(second)) {
                #expect(action == .send(.heartbeat) || action == .ping)
                if action == .ping { _ = state.received(nil, now: at(second)) }
            }
        }
    }

    @Test("That a heartbeat is not recorded is a sign of life and no acknowledgement")
    func unrecorded() {
        var state = online()
        for second in stride(from: 20, through: 400, by: 20) {
            #expect(state.tick(now: at(second)) == [.send(.heartbeat)])
            #expect(state.received(.unrecorded, now: at(second)) == [])
        }
    }

    @Test("A client that slept asks before it gives its connection up")
    func slept() {
        var state = online()
        #expect(state.tick(now: at(5000)) == [.send(.heartbeat), .ping])
        #expect(state.tick(now: at(5001)) == [])
        _ = state.received(nil, now: at(5002))
        #expect(state.nextDeadline == at(5020))
    }

    @Test("A kicked client is told by whom and does not come back")
    func kicked() {
        let kicker = ServerMessage.Kicker.session(platform: "iPhone", instance: "default")
        for var state in [online(), connecting()] {
            #expect(
                state.received(.kicked(by: kicker), now: at(1))
                    == [.tell(.kicked(by: .session(platform: "iPhone", instance: "default")))])
            #expect(state.closed(4000, reason: "", now: at(1)) == [])
            #expect(state.nextDeadline == nil)
            #expect(state.start(now: at(2)) == [] && state.close() == [])
        }
    }

    private func connecting() -> ConnectionState {
        var state = state()
        _ = state.start(now: at(0))
        return state
    }

    @Test("A refusal is final and says what the service said")
    func refused() {
        var state = connecting()
        #expect(state.received(.error(.init(.unauthorized, detail: "The token is expired.")), now: at(1)) == [])
        #expect(
            state.closed(4001, reason: "unauthorized", now: at(1))
                == [.tell(.refused(code: 4001, message: "The token is expired."))])
        #expect(state.nextDeadline == nil)
    }

    @Test("A logout ends the client once it is recorded, and is harmless to repeat")
    func logout() {
        var state = online()
        #expect(state.logout(now: at(1)) == [.send(.logout)])
        #expect(state.logout(now: at(1)) == [], "one is on its way already")
        #expect(state.received(.logout, now: at(2)) == [.answerLogout(nil), .tell(.loggedOut)])
        #expect(state.closed(1000, reason: "", now: at(2)) == [])
        #expect(state.logout(now: at(3)) == [.answerLogout(nil)])
    }

    @Test("A client that the app's backend logs out has ended, too")
    func loggedOut() {
        var state = online()
        #expect(state.received(.logout, now: at(1)) == [.tell(.loggedOut)])
        #expect(state.logout(now: at(2)) == [.answerLogout(nil)])
    }

    @Test("A logout that the service cannot record leaves the client online")
    func logoutUnavailable() {
        var state = online()
        _ = state.logout(now: at(1))
        let actions = state.received(.error(.init(.redisUnavailable, detail: "Redis is away.")), now: at(2))
        #expect(actions == [.answerLogout(.unavailable("Redis is away."))])
        #expect(state.tick(now: at(20)) == [.send(.heartbeat)])
        #expect(state.logout(now: at(21)) == [.send(.logout)])
    }

    @Test("A client that is offline comes back at once to log out")
    func logoutOffline() {
        var state = online()
        _ = state.closed(1013, reason: "retry-after-ms=60000", now: at(1))
        #expect(state.logout(now: at(2)) == [.connect(session: "Web:one:g1")])
        #expect(state.logout(now: at(3)) == [])
        #expect(
            state.received(welcome, now: at(4))
                == [.tell(.connected(session: "Web:one:g1", resumed: false)), .send(.logout)])
        #expect(state.received(.logout, now: at(5)) == [.answerLogout(nil), .tell(.loggedOut)])
    }

    @Test("A logout whose way is lost is said again on the next, for 10 s; then the client goes on")
    func logoutLost() {
        var state = online()
        _ = state.logout(now: at(1))
        #expect(state.closed(1006, reason: "", now: at(2), part: 0).count == 1)
        #expect(state.tick(now: at(3)) == [.connect(session: "Web:one:g1")])
        #expect(state.received(welcome, now: at(4)).last == .send(.logout))
        #expect(state.nextDeadline == at(11))
        #expect(state.tick(now: at(11)) == [.answerLogout(.notRecorded)])
        #expect(state.tick(now: at(24)) == [.send(.heartbeat)])
        #expect(state.logout(now: at(25)) == [.send(.logout)])
    }

    @Test("A client without a session is logged out without opening one; on its way in it is logged out as it arrives")
    func logoutBeforeLogin() {
        var idle = state()
        #expect(idle.logout(now: at(0)) == [.answerLogout(nil), .tell(.loggedOut)])
        var waiting = connecting()
        _ = waiting.closed(1006, reason: "", now: at(1))
        #expect(waiting.logout(now: at(1)) == [.answerLogout(nil), .tell(.loggedOut)])
        var arriving = connecting()
        #expect(arriving.logout(now: at(1)) == [])
        #expect(arriving.received(welcome, now: at(2)).last == .send(.logout))
        var lost = connecting()
        _ = lost.logout(now: at(1))
        #expect(lost.closed(1006, reason: "", now: at(2)) == [.answerLogout(nil), .tell(.loggedOut)])
    }

    @Test("A logout of a client that is refused fails, unless its session is over")
    func logoutRefused() {
        for (code, isOver) in [(1000, true), (4000, true), (4001, false), (4004, false)] as [(UInt16, Bool)] {
            var state = online()
            _ = state.logout(now: at(1))
            let answer = ConnectionState.Action.answerLogout(isOver ? nil : .refused("why"))
            #expect(
                state.closed(code, reason: "why", now: at(2)) == [answer, .tell(.refused(code: code, message: "why"))])
            #expect(state.logout(now: at(3)) == [answer])
        }
        var never = connecting()
        _ = never.logout(now: at(1))
        #expect(never.closed(4001, reason: "why", now: at(2)).first == .answerLogout(nil), "it has no session")
    }

    @Test("The way in has its time from the token on")
    func lateToken() {
        var state = connecting()
        state.opens(now: at(9))
        #expect(state.nextDeadline == at(19))
        #expect(state.tick(now: at(10)) == [])
        #expect(isDrop(state.tick(now: at(19))))
    }

    @Test("A closed client is closed at every point of its life")
    func close() {
        var waiting = online()
        _ = waiting.closed(1006, reason: "", now: at(1))
        for var state in [state(), connecting(), online(), waiting] {
            #expect(state.close() == [.tell(.closed)])
            #expect(state.nextDeadline == nil && state.start(now: at(9)) == [])
        }
        var leaving = online()
        _ = leaving.logout(now: at(1))
        #expect(leaving.close() == [.answerLogout(.closed), .tell(.closed)])
        #expect(leaving.logout(now: at(2)) == [.answerLogout(.closed)], "its session is not logged out")
    }
}
