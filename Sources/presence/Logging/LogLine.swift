import Foundation
import Logging

/// A line of the log. It holds one line break, at its end: nothing that is logged can pass for a line of its own, or
/// speak to a terminal.
struct LogLine {
    /// What every line of JSON has. A value of such a name, which a library could log, gets a `_` behind it.
    private static let fixedMembers = ["time", "level", "message", "source"]

    var level: Logger.Level
    var label = "presence"
    /// The module it comes from.
    var source = "presence"
    var message: String
    var values: [(key: String, value: String)] = []

    /// Why a command, or the service, ends: for who started it a sentence.
    static func refusal(_ sentence: String, as format: LogSettings.Format) -> String {
        switch format {
        case .text: "presence: \(sentence)\n"
        case .json: LogLine(level: .critical, message: sentence).written(as: .json)
        }
    }

    func written(as format: LogSettings.Format, at time: timespec = .now) -> String {
        let sorted = values.sorted { $0.key < $1.key }
        switch format {
        case .text: return text(sorted, at: time)
        case .json: return json(sorted, at: time)
        }
    }

    /// `2026-11-26T10:00:00+0000 notice presence: key=value key="two words" [module] message`
    private func text(_ values: [(key: String, value: String)], at time: timespec) -> String {
        var line = "\(time.local) \(level) \(label.escaped):"
        for (key, value) in values { line += " \(key.escaped)=\(value.quotedIfNeeded)" }
        return line + " [\(source.escaped)] \(message.escaped)\n"
    }

    /// `{"time":"2026-11-26T10:00:00.000Z","level":"notice","message":"...","source":"module","key":"value"}`
    private func json(_ values: [(key: String, value: String)], at time: timespec) -> String {
        var line = "{\"time\":\"\(time.universal)\",\"level\":\"\(level)\""
        line += ",\"message\":\(message.jsonString),\"source\":\(source.jsonString)"
        for (key, value) in values {
            let name = Self.fixedMembers.contains(key) ? key + "_" : key
            line += ",\(name.jsonString):\(value.jsonString)"
        }
        return line + "}\n"
    }
}

extension timespec {
    static var now: timespec {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return now
    }

    /// By the clock on the wall, with its distance from UTC.
    fileprivate var local: String {
        var (seconds, parts) = (tv_sec, tm())
        localtime_r(&seconds, &parts)
        return parts.formatted("%Y-%m-%dT%H:%M:%S%z")
    }

    /// RFC 3339, in UTC with milliseconds.
    fileprivate var universal: String {
        var (seconds, parts) = (tv_sec, tm())
        gmtime_r(&seconds, &parts)
        let milliseconds = String(tv_nsec / 1_000_000)
        return parts.formatted("%Y-%m-%dT%H:%M:%S.") + String(repeating: "0", count: 3 - milliseconds.utf8.count)
            + milliseconds + "Z"
    }
}

extension tm {
    fileprivate func formatted(_ format: String) -> String {
        var (parts, buffer) = (self, [CChar](repeating: 0, count: 64))
        let count = strftime(&buffer, buffer.count, format, &parts)
        return String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
