import Foundation
import Support
import Testing

@testable import presence

@Suite("A log that is written from a thread of its own")
struct LogOutputTests {
    private let ends: (read: CInt, write: CInt)

    init() {
        var pipe: [CInt] = [0, 0]
        Foundation.pipe(&pipe)
        ends = (pipe[0], pipe[1])
        _ = fcntl(ends.read, F_SETFL, O_NONBLOCK)
    }

    @Test("Nobody waits for its reader, and all lines are there in order or counted", arguments: [false, true])
    func stalledReader(isNonBlocking: Bool) async throws {
        if isNonBlocking { _ = fcntl(ends.write, F_SETFL, O_NONBLOCK) }
        let output = LogOutput(ends.write, queueBytesMax: 100_000)
        let begin = ContinuousClock.now
        for number in 1...20_000 { output.write("line \(number)\n") }
        await output.flush(within: .milliseconds(100))
        #expect(ContinuousClock.now - begin < .seconds(5))

        var text = ""
        try await eventually(else: "not all is told: \(text.suffix(200))") {
            text += read()
            return try lines(in: text) == 20_000
        }
        #expect(text.contains("missing"))
        output.write("line 20001\n")
        try await eventually(else: "the next line does not come") {
            text += read()
            return text.hasSuffix("line 20001\n")
        }
        #expect(try lines(in: text) == 20_001)
    }

    /// How many lines are there, or said to be missing where they would stand.
    private func lines(in text: String) throws -> Int {
        var count = 0
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
            if line == "line \(count + 1)" {
                count += 1
            } else {
                let gap = try #require(line.firstMatch(of: /warning presence: lines=(\d+) .* missing/), "\(line)")
                count += try #require(Int(gap.1))
            }
        }
        return count
    }

    @Test("A reader that is gone costs the lines, and neither the process nor a wait at its end")
    func noReader() async throws {
        close(ends.read)
        let output = LogOutput(ends.write)
        let begin = ContinuousClock.now
        for number in 1...100 {
            output.write("line \(number)\n")
            await output.flush(within: .milliseconds(500))
        }
        #expect(ContinuousClock.now - begin < .seconds(5))
    }

    /// What is there.
    private func read() -> String {
        var text = ""
        var bytes = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = Foundation.read(ends.read, &bytes, bytes.count)
            guard count > 0 else { return text }
            text += String(decoding: bytes.prefix(count), as: UTF8.self)
        }
    }
}
