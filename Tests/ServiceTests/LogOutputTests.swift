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
        try await eventually(else: "no word of what is missing") {
            text += try await read()
            return text.contains("missing") && text.hasSuffix("\n")
        }
        await output.flush(within: .seconds(10))
        output.write("the next\n")
        try await eventually(else: "the next line does not come") {
            text += try await read()
            return text.hasSuffix("the next\n")
        }
        let lines = text.split(separator: "\n").dropLast()
        let numbers = lines.compactMap { $0.wholeMatch(of: /line (\d+)/).flatMap { Int($0.1) } }
        #expect(numbers == Array(1...numbers.count))
        let missing = lines.compactMap { $0.firstMatch(of: /warning presence: lines=(\d+) .* missing/) }
            .compactMap { Int($0.1) }
        #expect(missing == [20_000 - numbers.count])
        #expect(lines.count == numbers.count + 1)
        #expect(numbers.count > 5_000, "what fits is kept")
    }

    @Test("A reader that is gone costs the lines, and neither the process nor a wait at its end")
    func noReader() async throws {
        close(ends.read)
        let output = LogOutput(ends.write)
        let begin = ContinuousClock.now
        for number in 1...100 {
            output.write("line \(number)\n")
            await output.flush(within: .seconds(10))
        }
        #expect(ContinuousClock.now - begin < .seconds(5))
    }

    /// What is there.
    private func read() async throws -> String {
        var text = ""
        var bytes = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = Foundation.read(ends.read, &bytes, bytes.count)
            guard count > 0 else { return text }
            text += String(decoding: bytes.prefix(count), as: UTF8.self)
        }
    }
}
