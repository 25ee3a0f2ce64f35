import Logging
import Logs
import PresenceStore

/// Tells that something fails, each cause at most once a minute at a level that is seen, for all shards together.
struct FailureLog {
    private static let pause: Duration = .seconds(60)
    /// Causes remembered, and shards named in a line.
    private static let causesMax = 64
    private static let shardsNamedMax = 8

    private let message: Logger.Message
    private let logger: Logger
    private var toldAt: [String: ContinuousClock.Instant] = [:]

    init(_ message: Logger.Message, _ logger: Logger) {
        self.message = message
        self.logger = logger
    }

    mutating func failed(_ error: any Error, of shards: [Shard] = []) {
        let cause = (error as? StoreError)?.message ?? "\(error)"
        let isDue = toldAt[cause].map { ContinuousClock.now - $0 >= Self.pause } ?? true
        if isDue {
            if toldAt.count >= Self.causesMax { toldAt = [:] }
            toldAt[cause] = .now
        }
        var metadata: LogMetadata = [.error: "\(error)"]
        if !shards.isEmpty {
            let named = shards.sorted().prefix(Self.shardsNamedMax).map { "\($0)" }.joined(separator: ",")
            metadata[.shards] = "\(named)\(shards.count > Self.shardsNamedMax ? ",..." : "")"
            metadata[.count] = "\(shards.count)"
        }
        logger.log(level: isDue ? .warning : .debug, message, metadata: .keyed(metadata))
    }

    mutating func failed(_ failures: [Shard: StoreError]) {
        for (_, failures) in Dictionary(grouping: failures, by: \.value.message) {
            failed(failures[0].value, of: failures.map(\.key))
        }
    }
}
