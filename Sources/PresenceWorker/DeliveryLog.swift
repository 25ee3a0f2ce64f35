import Logging
import Logs
import PresenceCore

/// What the log hears of deliveries: each cause at most once a minute, with how often it happened, whatever the number
/// of events, users and shards.
struct DeliveryLog {
    /// What is told of single events.
    enum Cause: Hashable, CaseIterable {
        case setAside
        case keepsFailing
        case dead
        case dropped
        case mended
        case noHTTP

        var message: Logger.Message {
            switch self {
            case .setAside:
                "Events of a user keep failing while others are accepted; they are set aside and tried apart"
            case .keepsFailing: "An event fails again and again; its user's later ones wait"
            case .dead: "Events set aside are dead letters now; `presence replay` delivers them once more"
            case .dropped: "The dead letters of a shard are full; the oldest were dropped"
            case .mended: "Keys of a shard's outbox were damaged by hand and have been mended"
            case .noHTTP: "What answers at callback.url does not speak HTTP"
            }
        }
    }

    private struct Told {
        var at: ContinuousClock.Instant?
        /// Since then.
        var count = 0
        var metadata: LogMetadata = [:]
    }

    private let logger: Logger
    private let pause: Duration
    private var told: [Cause: Told] = [:]
    private var toldFault = false
    private var faultToldAt: [Bool: ContinuousClock.Instant] = [:]

    init(_ logger: Logger, pause: Duration) {
        self.logger = logger
        self.pause = pause
    }

    mutating func happened(
        _ cause: Cause, count: Int = 1, _ metadata: LogMetadata, _ now: ContinuousClock.Instant
    ) {
        told[cause, default: Told()].count += count
        told[cause]?.metadata = metadata
        tellIfDue(cause, now)
    }

    /// Tells what had to wait, and how the receiver is.
    mutating func tick(_ receiver: ReceiverHealth, _ now: ContinuousClock.Instant) {
        for cause in told.keys { tellIfDue(cause, now) }
        let isAtFault = receiver.isAtFault
        guard isAtFault != toldFault else { return }
        if let at = faultToldAt[isAtFault], now - at < pause { return }
        toldFault = isAtFault
        faultToldAt[isAtFault] = now
        if isAtFault {
            logger.warning(
                "The callback receiver fails; events wait and are sent again",
                metadata: .keyed([.detail: "\(receiver.detail)"]))
        } else {
            logger.notice("The callback receiver is back")
        }
    }

    private mutating func tellIfDue(_ cause: Cause, _ now: ContinuousClock.Instant) {
        guard var told = told[cause], told.count > 0, told.at.map({ now - $0 >= pause }) ?? true else { return }
        logger.warning(cause.message, metadata: .keyed(told.metadata.merging([.count: "\(told.count)"]) { $1 }))
        told.at = now
        told.count = 0
        self.told[cause] = told
    }
}

extension DeliveryLog {
    mutating func tell(_ news: DeliveryNews, _ now: ContinuousClock.Instant) {
        let (cause, attempt, detail): (Cause, DeliveryAttempt, String) =
            switch news {
            case .setAside(let attempt, let detail): (.setAside, attempt, detail)
            case .keepsFailing(let attempt, let detail): (.keepsFailing, attempt, detail)
            case .dead(let attempt, let detail): (.dead, attempt, detail)
            }
        var metadata: LogMetadata = [.user: "\(attempt.user)", .shard: "\(attempt.shard)", .detail: "\(detail)"]
        if let id = attempt.change?.cause?.request { metadata[.requestID] = "\(id)" }
        happened(cause, metadata, now)
    }
}
