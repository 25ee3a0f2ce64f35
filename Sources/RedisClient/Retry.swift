import NIOCore
import PresenceCore

/// Decides whether one call is repeated, and after which pause.
///
/// Attempts that were not sent or whose fate is unknown are counted: a command that itself breaks
/// connections must not break them for long. A server that asks for patience gets it until the
/// overall deadline.
struct Retry {
    private var backoff: Backoff
    private var attemptsLeft: Int
    private let deadline: NIODeadline
    /// An attempt has no answer: it may have had its effect, whatever becomes of later ones.
    private(set) var hasUnknown = false

    init(_ options: RedisClientOptions, now: NIODeadline) {
        backoff = Backoff(first: options.repeatPauseFirst, most: options.repeatPauseMost)
        attemptsLeft = options.attemptsMax
        deadline = now + TimeAmount(options.overallDeadline)
    }

    /// The pause before the next attempt; nil if the call must end with this outcome.
    mutating func pause(after outcome: RedisError.Code, isIdempotent: Bool, now: NIODeadline) -> Duration? {
        if outcome == .unknown { hasUnknown = true }
        switch outcome {
        case .notSent: attemptsLeft -= 1
        case .unknown where isIdempotent: attemptsLeft -= 1
        case .rejected(let kind) where kind.passesSoon || kind == .noScript: break
        case .unknown, .rejected, .invalidConfiguration, .unsupportedServer, .closed: return nil
        }
        let pause = backoff.next()
        return attemptsLeft > 0 && now + TimeAmount(pause) < deadline ? pause : nil
    }
}

extension Retry {
    /// Pauses before the next attempt; false if the call, or the task, must end here.
    mutating func pause(after outcome: RedisError.Code, isIdempotent: Bool) async -> Bool {
        guard let pause = pause(after: outcome, isIdempotent: isIdempotent, now: .now()) else { return false }
        do {
            try await Task.sleep(for: pause)
            return true
        } catch {
            return false
        }
    }
}
