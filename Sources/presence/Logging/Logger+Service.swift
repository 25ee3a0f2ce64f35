import Logging

extension Logger {
    /// To standard error, so that a command's output stays its own. Logging waits for nobody: see `LogOutput`.
    /// - Parameter level: its own; without one it follows `LogSettings`.
    static func service(level: Logger.Level? = nil) -> Logger {
        var logger = Logger(label: "presence", factory: handler)
        if let level { logger.logLevel = level }
        return logger
    }

    /// Also for what a library logs of its own accord.
    static func handler(_ label: String) -> any LogHandler { ServiceLogHandler(label) }
}
