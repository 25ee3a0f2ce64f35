import NIOCore
import PresenceCore
import Telemetry

/// What is told of attempts.
struct CallbackFigures: Sendable {
    private let attempts: EventCounters<Outcome>
    private let duration: DurationHistogram

    private enum Outcome: String, CaseIterable {
        /// 2xx.
        case accepted
        /// 4xx, but for those of `failed`.
        case refused
        /// 408, 429, and all other statuses.
        case failed
        case timeout
        /// No connection, or one that ended.
        case unreachable
        case noHTTP = "no_http"
    }

    init(_ instruments: Instruments) {
        attempts = instruments.counters(.callbackAttempts, Outcome.self)
        duration = instruments.histogram(.callbackDuration)
    }

    func ended(_ answer: ReceiverAnswer, _ outcome: DeliveryOutcome, after time: TimeAmount) {
        duration.record(nanoseconds: time.nanoseconds)
        switch (answer, outcome) {
        case (.timeout, _): attempts.count(.timeout)
        case (.none, _): attempts.count(.unreachable)
        case (.noHTTP, _): attempts.count(.noHTTP)
        case (.head, .delivered): attempts.count(.accepted)
        case (.head, .refused): attempts.count(.refused)
        case (.head, .retry), (.head, .unwanted): attempts.count(.failed)
        }
    }
}
