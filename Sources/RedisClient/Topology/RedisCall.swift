import NIOCore

/// One call on its way: what its commands came to so far, and which are to be tried again, and where. Pure: time is
/// passed in.
struct RedisCall {
    /// One more try of a command.
    struct Attempt: Equatable {
        enum Place: Equatable {
            /// Wherever the slot of its key is by then.
            case owner
            case server(RedisAddress, asking: Bool)
        }

        /// Of the command in its pipeline.
        let position: Int
        /// Where it goes unless an answer sends it elsewhere.
        let origin: Place
        var place: Place
        /// The script is sent ahead of its call.
        var loadsScript = false

        init(position: Int, origin: Place = .owner) {
            self.position = position
            self.origin = origin
            place = origin
        }
    }

    struct Outcome {
        let attempt: Attempt
        var result: RedisResult
        /// The server that answered, or did not.
        var asked: RedisAddress?
    }

    private let isIdempotent: Bool
    private let followsRedirections: Bool
    private var results: [RedisResult]
    /// Commands with an attempt that has no answer: it may have had its effect, whatever becomes of later ones.
    private var unknown: Set<Int> = []
    private var next: [Attempt] = []
    private var needsPause = false
    private var retry: Retry

    init(commands: Int, isIdempotent: Bool, followsRedirections: Bool, retry: Retry) {
        self.isIdempotent = isIdempotent
        self.followsRedirections = followsRedirections
        self.retry = retry
        results = Array(repeating: .failure(.unreachable), count: commands)
    }

    /// Takes the outcomes of a round of attempts.
    mutating func received(_ outcomes: [Outcome]) {
        var counted: [Attempt] = []
        for outcome in outcomes {
            let attempt = outcome.attempt
            results[attempt.position] = outcome.result
            if case .failure(let error) = outcome.result, error.code == .unknown { unknown.insert(attempt.position) }
            var again = attempt
            switch Verdict(
                outcome.result, isIdempotent: isIdempotent, asked: followsRedirections ? outcome.asked : nil)
            {
            case .stands: continue
            case .again(let isCounted):
                needsPause = true
                again = Attempt(position: attempt.position, origin: attempt.origin)
                if isCounted { counted.append(again) } else { next.append(again) }
            case .redirect(let address, let asking):
                if attempt.place != attempt.origin { needsPause = true }
                again.place = .server(address, asking: asking)
                next.append(again)
            case .load:
                // Somebody flushes the scripts, or another server has become master.
                if attempt.loadsScript { needsPause = true }
                again.loadsScript = true
                next.append(again)
            }
        }
        if !counted.isEmpty, retry.mayAttemptAgain() { next += counted }
        next.sort { $0.position < $1.position }
    }

    /// What to try next, after a pause; nil when the call has ended.
    mutating func round(now: NIODeadline) -> (pause: Duration, attempts: [Attempt])? {
        guard !next.isEmpty, let pause = needsPause ? retry.pause(now: now) : .zero else { return nil }
        needsPause = false
        defer { next = [] }
        return (pause, next)
    }

    /// What became of each command. That an attempt was refused says nothing of an earlier one without an answer.
    var ended: [RedisResult] {
        guard !unknown.isEmpty else { return results }
        var results = results
        for position in unknown {
            guard case .failure(let error) = results[position] else { continue }
            switch error.code {
            case .rejected(let kind) where kind.isBeforeAnyEffect: results[position] = .failure(.answerLost)
            default: results[position] = .failure(error.afterUnknown)
            }
        }
        return results
    }
}
