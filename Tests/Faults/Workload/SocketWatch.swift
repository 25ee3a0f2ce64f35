import PresenceClient
import Synchronization

/// Writes down what happens to a client with a socket, as calls.
final class SocketWatch: Sendable {
    private struct State {
        var attemptMs: RunMs?
        var current: String?
        var latest: String?
        var isFinal = false
    }

    let device: String
    private let user: String
    private let recorder: Recorder
    private let state: Mutex<State>
    /// An event is read a little after it happened.
    private static let readingMs = 250

    init(_ user: String, _ device: String, _ recorder: Recorder) {
        self.user = user
        self.device = device
        self.recorder = recorder
        state = Mutex(State(attemptMs: recorder.nowMs))
    }

    var isFinal: Bool { state.withLock(\.isFinal) }
    /// The session it is in; nil while it is not connected.
    var current: String? { state.withLock(\.current) }
    /// The session it was in last.
    var latest: String? { state.withLock(\.latest) }

    func see(_ event: PresenceClient.Event) {
        let now = recorder.nowMs
        state.withLock { state in
            switch event {
            case .connected(let session, let isResumed):
                let begun = state.attemptMs ?? now - Self.readingMs
                add(isResumed ? .resume : .login, session, begun, .ok)
                (state.attemptMs, state.current, state.latest) = (nil, session, session)
            case .heartbeat(let latency):
                add(.heartbeat, state.current, now - Int(latency / .milliseconds(1)) - Self.readingMs, .ok)
            case .disconnected:
                if let begun = state.attemptMs { add(.login, nil, begun, .unknown) }
                (state.attemptMs, state.current) = (now - Self.readingMs, nil)
            case .kicked, .refused, .loggedOut, .closed:
                if let begun = state.attemptMs { add(.login, nil, begun, .unknown) }
                (state.attemptMs, state.current, state.isFinal) = (nil, nil, true)
            }
        }
    }

    /// An attempt that was under way may still arrive.
    func close() {
        state.withLock { state in
            if let begun = state.attemptMs { add(.login, nil, begun, .unknown) }
            state.attemptMs = nil
        }
    }

    private func add(_ kind: Call.Kind, _ session: String?, _ begunMs: RunMs, _ outcome: Call.Outcome) {
        var call = Call(kind, user, begunMs: begunMs, endedMs: recorder.nowMs)
        (call.device, call.session, call.isSocket, call.outcome) = (device, session, true, outcome)
        recorder.add(call)
    }
}
