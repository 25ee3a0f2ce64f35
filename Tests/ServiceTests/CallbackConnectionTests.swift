import Testing

@testable import Callbacks

@Suite("A connection to the receiver, without one")
struct CallbackConnectionTests {
    @Test("Request and answer, over and over")
    func exchange() {
        var state = ConnectionState()
        for _ in 0..<2 {
            state.start()
            #expect(state.head(staysOpen: true) == .answer)
            #expect(state.body(bytes: ConnectionState.bodyBytesMax) == .nothing)
            #expect(state.end() == .free)
        }
        #expect(state.abandon() == .close)
        #expect(state.abandon() == .nothing, "closed once")
    }

    @Test("A body may come in parts, but not more of it than is read")
    func body() {
        var state = ConnectionState()
        state.start()
        #expect(state.head(staysOpen: true) == .answer)
        #expect(state.body(bytes: ConnectionState.bodyBytesMax - 1) == .nothing)
        #expect(state.body(bytes: 1) == .nothing)
        #expect(state.body(bytes: 1) == .close)
        #expect(state.end() == .nothing)
    }

    @Test("After an answer that is the last one the connection is closed, not before its end")
    func last() {
        var state = ConnectionState()
        state.start()
        #expect(state.head(staysOpen: false) == .answer)
        #expect(state.body(bytes: 1) == .nothing)
        #expect(state.end() == .close)
    }

    @Test("Who waits is told once: of the head, or that there is none")
    func told() {
        var waiting = ConnectionState()
        waiting.start()
        #expect(waiting.abandon() == .failAndClose)
        #expect(waiting.head(staysOpen: true) == .nothing)
        var answered = ConnectionState()
        answered.start()
        #expect(answered.head(staysOpen: true) == .answer)
        #expect(answered.abandon() == .close)
    }

    @Test("What nobody asked for closes the connection")
    func unasked() {
        var head = ConnectionState()
        #expect(head.head(staysOpen: true) == .close)
        var body = ConnectionState()
        #expect(body.body(bytes: 1) == .close)
        var end = ConnectionState()
        end.start()
        #expect(end.end() == .failAndClose)
    }
}
