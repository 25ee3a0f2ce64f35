import Logging
import Synchronization

/// Says that a network gets no more connections, once a minute.
final class QuotaWarning: Sendable {
    private let advice: String
    private let logger: Logger
    private let toldAt = Mutex<ContinuousClock.Instant?>(nil)

    init(advice: String, logger: Logger) {
        self.advice = advice
        self.logger = logger
    }

    func tell(_ network: String) {
        let isDue = toldAt.withLock { toldAt in
            if let toldAt, ContinuousClock.now - toldAt < .seconds(60) { return false }
            toldAt = .now
            return true
        }
        guard isDue else { return }
        logger.warning(
            "An address holds nine tenths of the connections and gets no more",
            metadata: ["address": "\(network)", "advice": "\(advice)"])
    }
}
