import Foundation
import Logging
import Logs
import Support
import Testing

@Suite("The keys of the log")
struct LogKeyTests {
    @Test("are those of the documentation's table, and written in small letters with underscores")
    func table() throws {
        let rows = try DocumentationPage.named("Logs").section("## Keys of a line").matches(of: #/\n\| `([^`]+)` \|/#)
        #expect(rows.map { String($0.1) } == LogKey.allCases.map(\.rawValue))
        for key in LogKey.allCases { #expect(key.rawValue.wholeMatch(of: #/[a-z]+(_[a-z]+)*/#) != nil, "\(key)") }
    }

    @Test("are all in use, and nothing is logged with others")
    func used() throws {
        let folder = Repository.root.appending(path: "Sources")
        let files = try #require(FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil))
        var text = ""
        for case let file as URL in files where file.pathExtension == "swift" && !file.path.hasSuffix("/LogKey.swift") {
            text += try String(contentsOf: file, encoding: .utf8)
        }
        for key in LogKey.allCases {
            let forms = [".\(key): \"", "[.\(key)] = ", "LogKey.\(key).rawValue"]
            #expect(forms.contains { text.contains($0) }, "\(key) is logged nowhere")
        }
        #expect(!text.contains("metadata: ["), "metadata is made with .keyed")
    }

    @Test("make the metadata of a line, which is not made where the line is not logged")
    func keyed() {
        let log = LogRecorder(level: .info)
        var made = 0
        func path() -> LogMetadata {
            made += 1
            return [.path: "/", .lagMs: "7"]
        }
        log.logger.info("asked", metadata: .keyed(path()))
        log.logger.debug("asked", metadata: .keyed(path()))
        #expect(log.lines == ["asked lag_ms=7 path=/"])
        #expect(made == 1)
    }
}
