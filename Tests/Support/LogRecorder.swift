import Logging
import Synchronization

/// Keeps what is logged, as `message key=value ...`, so that a test can read it.
package final class LogRecorder: Sendable {
    private let kept = Mutex<[String]>([])

    private let level: Logger.Level

    /// - Parameter level: the least that is kept; with `.info` what an operator would read.
    package init(level: Logger.Level = .debug) { self.level = level }

    package var lines: [String] { kept.withLock(\.self) }

    package func has(_ text: String) -> Bool { lines.contains { $0.contains(text) } }

    package var logger: Logger {
        var logger = Logger(label: "recorder") { _ in Handler(recorder: self) }
        logger.logLevel = level
        return logger
    }

    private struct Handler: LogHandler {
        let recorder: LogRecorder
        var metadata: Logger.Metadata = [:]
        var logLevel: Logger.Level = .debug

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let all = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }
            let line = (["\(event.message)"] + all.map { "\($0.key)=\($0.value)" }).joined(separator: " ")
            recorder.kept.withLock { $0.append(line) }
        }
    }
}
