import Logging

extension Logger {
    /// To standard error, so that a command's output stays its own. Logging waits for nobody: see `LogOutput`.
    static func service(level: Logger.Level) -> Logger {
        var logger = Logger(label: "presence", factory: handler)
        logger.logLevel = level
        return logger
    }

    /// Also for what a library logs of its own accord.
    static func handler(_ label: String) -> any LogHandler {
        StreamLogHandler(label: label, stream: LogLines(output: .standardError))
    }
}
