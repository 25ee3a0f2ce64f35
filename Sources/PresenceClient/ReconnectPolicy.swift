import PresenceCore
import PresenceProtocol

/// Which closed connections are taken up again, and after how long.
struct ReconnectPolicy {
    private var backoff: Backoff

    /// A connection that lasted so long ends the row of failures.
    var pauseMax: Duration { backoff.most }

    /// - Parameter pauseMin: the least, half of the bound of the first.
    init(pauseMin: Duration, pauseMax: Duration) {
        backoff = Backoff(first: pauseMin * 2, most: pauseMax)
    }

    /// - Parameters:
    ///   - code: the close code, 1006 if there was none.
    ///   - reason: the text beside it.
    ///   - part: where between its bounds the pause lies, 0 to 1.
    /// - Returns: nil if the client must not come back.
    mutating func pause(after code: UInt16, reason: String, part: Double) -> Duration? {
        switch ComeBack(code: code, reason: reason) {
        case .never: nil
        case .after(let asked): asked
        case .backingOff(let asked): asked + backoff.next(part: part)
        }
    }

    mutating func reset() { backoff.reset() }
}
