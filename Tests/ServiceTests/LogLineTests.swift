import Foundation
import Logging
import Support
import Testing

@testable import presence

@Suite("A line of the log")
struct LogLineTests {
    private static let time = timespec(tv_sec: 1_764_151_200, tv_nsec: 7_999_999)
    /// What strangers could choose.
    private static let hostile = [
        "a\nb", "a\r\nb\tc", "\u{1B}[2K", "\u{0}\u{7F}\u{85}\u{9B}", "a\u{2028}b\u{2029}", "\"", "\\", "\\\"", "a=b",
        " ",
        "", "}{", "\",\"level\":\"fatal", "\u{1F600}\u{200D}\u{301}\u{FEFF}", "\u{FFFF}", "\\u0041", "level=error",
        "\u{202E}abc", String(repeating: "x\n", count: 5_000),
    ]

    private static func line(_ text: String) -> LogLine {
        LogLine(
            level: .notice, source: "PresenceAPI", message: text,
            values: [("user", text), ("a", "1"), ("level", text)])
    }

    @Test("begins no other line and speaks to no terminal, whatever is in it", arguments: hostile)
    func oneLine(_ text: String) throws {
        for format in LogSettings.Format.allCases {
            let line = Self.line(text).written(as: format)
            #expect(line.hasSuffix("\n"))
            let breaks = line.unicodeScalars.dropLast().filter {
                [.control, .lineSeparator, .paragraphSeparator].contains($0.properties.generalCategory)
            }
            #expect(breaks.isEmpty, "\(line)")
        }
    }

    @Test("of JSON is an object that says it all as it was", arguments: hostile)
    func json(_ text: String) throws {
        let line = Self.line(text).written(as: .json, at: Self.time)
        let object = try JSON(parsing: line)
        let expected = [
            "time": "2025-11-26T10:00:00.007Z", "level": "notice", "message": text, "source": "PresenceAPI", "a": "1",
            "user": text, "level_": text,
        ]
        #expect(object.members.keys.sorted() == expected.keys.sorted())
        for (key, value) in expected {
            let isSame = object[key].string.map { $0.unicodeScalars.elementsEqual(value.unicodeScalars) }
            #expect(isSame == true, "\(key)")
        }
        #expect(line.hasPrefix(#"{"time":"2025-11-26T10:00:00.007Z","level":"notice","message":""#))
    }

    @Test(
        "of text has values in quotes where they are not one plain word",
        arguments: [
            ("word", "word"), ("β-1.2:3", "β-1.2:3"), ("two words", #""two words""#), ("", #""""#), ("a=b", #""a=b""#),
            (#"say "hi""#, #""say \"hi\"""#), (#"a\b"#, #""a\\b""#), ("a\nb", #""a\nb""#),
            ("\u{1B}[2K", #""\u{1b}[2K""#), ("\u{202E}abc", #""\u{202e}abc""#), ("a\u{200B}b", #""a\u{200b}b""#),
        ])
    func quoted(_ value: String, _ written: String) {
        let line = LogLine(
            level: .warning, source: "Gateway", message: "told", values: [("user", value), ("count", "2")])
        #expect(line.written(as: .text).hasSuffix(" warning presence: count=2 user=\(written) [Gateway] told\n"))
    }

    @Test("is written from the level that counts, which may change, and from a logger's own where it has one")
    func level() throws {
        var pipe: [CInt] = [0, 0]
        Foundation.pipe(&pipe)
        _ = fcntl(pipe[0], F_SETFL, O_NONBLOCK)
        let (settings, output) = (LogSettings(level: .warning), LogOutput(pipe[1]))
        let logger = Logger(label: "presence") { ServiceLogHandler($0, settings: settings, output: output) }
        var own = logger
        own.logLevel = .error
        #expect(logger.logLevel == .warning)
        settings.level = .debug
        #expect(logger.logLevel == .debug)
        #expect(own.logLevel == .error)
    }

    @Test("has every level")
    func levels() {
        let settings = LogSettings()
        for level in Logger.Level.allCases {
            settings.level = level
            #expect(settings.level == level)
        }
    }

    @Test("that tells why the service does not start is a sentence, or a line like the others")
    func refusal() throws {
        #expect(LogLine.refusal("No.", as: .text) == "presence: No.\n")
        let object = try JSON(parsing: LogLine.refusal("No.", as: .json))
        #expect(object["message"].string == "No." && object["level"].string == "critical")
    }
}
