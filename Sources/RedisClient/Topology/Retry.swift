import NIOCore
import PresenceCore

/// How long a call is repeated. A server that asks for patience gets it until the call's deadline; attempts that reached
/// no server or have no answer are counted besides.
struct Retry {
    private var backoff: Backoff
    private var attemptsLeft: Int
    private let deadline: NIODeadline

    init(_ options: RedisClientOptions, patience: RedisPatience, now: NIODeadline) {
        backoff = Backoff(first: options.repeatPauseFirst, most: options.repeatPauseMost)
        attemptsLeft = options.attemptsMax
        let most = patience == .caller ? options.overallDeadline : options.backgroundDeadline
        deadline = now + TimeAmount(most)
    }

    /// Counts an attempt that came to nothing.
    /// - Returns: whether another one may be made.
    mutating func mayAttemptAgain() -> Bool {
        attemptsLeft -= 1
        return attemptsLeft > 0
    }

    /// The pause before the next attempts; nil if the call must end.
    mutating func pause(now: NIODeadline) -> Duration? {
        let pause = backoff.next()
        return now + TimeAmount(pause) < deadline ? pause : nil
    }
}

/// How long a call is repeated for a server that cannot serve it at the moment.
package enum RedisPatience: Sendable {
    /// Somebody waits for the answer, and would have to ask again.
    case caller
    /// It is repeated anyway, soon, together with others that must not wait for it.
    case background
}
