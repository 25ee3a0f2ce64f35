import Logging

/// Where swift-log's handler writes its lines, each ending in a line break. Here that is the only one in it: nothing
/// that is logged can pass for a line of its own, or speak to a terminal.
struct LogLines: TextOutputStream, Sendable {
    let output: LogOutput

    func write(_ line: String) { output.write(Self.escaped(line)) }

    /// Control characters, and what else some viewers break lines at, as `\n`, `\r`, `\t` or `\u{1b}`.
    static func escaped(_ line: String) -> String {
        let isPlain = line.utf8.dropLast().allSatisfy { (0x20...0x7E).contains($0) }
        if isPlain { return line }
        var escaped = String.UnicodeScalarView()
        for scalar in line.unicodeScalars.dropLast() {
            switch (scalar, scalar.properties.generalCategory) {
            case ("\n", _): escaped += "\\n".unicodeScalars
            case ("\r", _): escaped += "\\r".unicodeScalars
            case ("\t", _): escaped += "\\t".unicodeScalars
            case (_, .control), (_, .lineSeparator), (_, .paragraphSeparator):
                escaped += "\\u{\(String(scalar.value, radix: 16))}".unicodeScalars
            default: escaped.append(scalar)
            }
        }
        return String(escaped) + "\n"
    }
}

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
