/// Which closed connections are taken up again, and after how long.
struct ReconnectPolicy {
    let pauseMin: Duration
    let pauseMax: Duration
    private var attempts = 0

    init(pauseMin: Duration, pauseMax: Duration) {
        self.pauseMin = pauseMin
        self.pauseMax = pauseMax
    }

    /// - Parameters:
    ///   - code: the close code, 1006 if there was none.
    ///   - reason: the text beside it; `retry-after-ms=<n>` is obeyed.
    ///   - part: where between its bounds the pause lies, 0 to 1.
    /// - Returns: nil if the client must not come back.
    mutating func pause(after code: UInt16, reason: String, part: Double) -> Duration? {
        switch code {
        // Logged out; what this client says is not understood; the service does not want it.
        case 1000, 1002, 1003, 1007, 1009, 4000...4099: nil
        // The worker restarts and has spread its clients' return already.
        case 1012: Self.retryAfter(reason) ?? nextPause(part)
        case 1013: (Self.retryAfter(reason) ?? .zero) + nextPause(part)
        default: nextPause(part)
        }
    }

    /// The connection lasted: the next loss has nothing to do with the ones before.
    mutating func reset() { attempts = 0 }

    private mutating func nextPause(_ part: Double) -> Duration {
        attempts += 1
        let bound = min(pauseMax, pauseMin * (1 << min(attempts, 20)))
        return pauseMin + (bound - pauseMin) * part
    }

    private static func retryAfter(_ reason: String) -> Duration? {
        let prefix = "retry-after-ms="
        guard reason.hasPrefix(prefix), let milliseconds = Int(reason.dropFirst(prefix.count)) else { return nil }
        return .milliseconds(min(max(milliseconds, 0), ClientLimits.retryAfterMsMax))
    }
}
