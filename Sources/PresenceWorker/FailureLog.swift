import Logging

/// Tells that something fails, at most once a minute at a level that is seen, however often it is tried.
struct FailureLog {
    private static let pause: Duration = .seconds(60)

    private let message: Logger.Message
    private let logger: Logger
    private var toldAt: ContinuousClock.Instant?

    init(_ message: Logger.Message, _ logger: Logger) {
        self.message = message
        self.logger = logger
    }

    mutating func failed(_ error: any Error) {
        let isDue = toldAt.map { ContinuousClock.now - $0 >= Self.pause } ?? true
        if isDue { toldAt = .now }
        logger.log(level: isDue ? .warning : .debug, message, metadata: ["error": "\(error)"])
    }
}
