import RedisClient
import Support
import Testing

@Suite("What a shell is to read as one word")
struct ShellQuotingTests {
    @Test(
        "is one, whatever stands in it",
        arguments: [
            "", "plain-1.2:x", "two words", "it's", "'", "''", "$(id)`id`", "a\\'b", "\"", "-n", "~", "🙂", "*",
            // A quote with an accent, a joiner or a variation selector behind it is one character.
            "x'\u{301};echo '\u{301}", "'\u{200D};echo '", "'\u{FE0F};echo '", "a\u{301}'b",
        ])
    func word(_ text: String) async throws {
        let folder = try temporaryFolder("word")
        defer { removeFolder(folder) }
        let child = try ChildProcess(
            ["sh", "-c", "printf '%s|' \(text.shellQuoted) end"], folder: folder, log: "log")
        try await eventually(else: "the shell does not end") { !child.isRunning }
        #expect(Array(child.log.utf8) == Array("\(text)|end|".utf8))
    }
}
