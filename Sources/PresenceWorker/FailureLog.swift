import Logging
import PresenceStore

/// Tells that something fails, for all shards or for single ones, each at most once a minute at a level that is seen.
struct FailureLog {
    private static let pause: Duration = .seconds(60)

    private let message: Logger.Message
    private let logger: Logger
    private var toldAt: [Shard?: ContinuousClock.Instant] = [:]

    init(_ message: Logger.Message, _ logger: Logger) {
        self.message = message
        self.logger = logger
    }

    mutating func failed(_ error: any Error, of shard: Shard? = nil) {
        let isDue = toldAt[shard].map { ContinuousClock.now - $0 >= Self.pause } ?? true
        if isDue { toldAt[shard] = .now }
        var metadata: Logger.Metadata = ["error": "\(error)"]
        if let shard { metadata["shard"] = "\(shard)" }
        logger.log(level: isDue ? .warning : .debug, message, metadata: metadata)
    }

    mutating func failed(_ failures: [Shard: StoreError]) {
        for (shard, error) in failures { failed(error, of: shard) }
    }
}
