import Testing

@testable import presence

@Suite("Lines on their way to a log")
struct LogQueueTests {
    private var queue = LogQueue(bytesMax: 100, gap: { "\($0) missing\n" })

    /// Lines of ten bytes each, so that ten fit.
    private mutating func add(_ numbers: ClosedRange<Int>) {
        for number in numbers { queue.add("line \(number + 1_000)\n") }
    }

    /// Writes all there is, piece by piece.
    private mutating func write(bytesMax: Int = 25) -> [String] {
        var written = ""
        while let batch = queue.next(bytesMax: bytesMax) {
            #expect(batch.text.count <= bytesMax)
            written += String(decoding: batch.text, as: UTF8.self)
            queue.written(batch)
        }
        return written.split(separator: "\n").map(String.init)
    }

    private mutating func piece(of bytesMax: Int) throws -> LogQueue.Batch {
        let batch = queue.next(bytesMax: bytesMax)
        return try #require(batch)
    }

    private mutating func expectWritten(_ lines: [String], at location: SourceLocation = #_sourceLocation) {
        let written = write()
        #expect(written == lines, sourceLocation: location)
    }

    private func lines(_ numbers: ClosedRange<Int>) -> [String] { numbers.map { "line \($0 + 1_000)" } }

    @Test("All that fits is written, in order and in whole lines")
    mutating func ordinary() {
        add(1...10)
        #expect(!queue.isDone)
        expectWritten(lines(1...10))
        #expect(queue.isDone)
        add(11...11)
        expectWritten(lines(11...11))
    }

    @Test("A line longer than a piece is written whole")
    mutating func longLine() throws {
        let line = String(repeating: "x", count: 50) + "\n"
        queue.add(line)
        let batch = try piece(of: 10)
        #expect(batch.text == Array(line.utf8))
    }

    @Test("What does not fit is dropped, and a line in its place tells how many")
    mutating func dropping() {
        add(1...15)
        expectWritten(lines(1...10) + ["5 missing"])
        #expect(queue.isDone && queue.droppedEver == 5)
        add(16...17)
        expectWritten(lines(16...17))
    }

    @Test("What is being written still counts, and once full a queue takes nothing before half of it is written")
    mutating func untilHalf() throws {
        add(1...12)
        for _ in 1...2 {
            let batch = try piece(of: 20)
            add(13...13)
            queue.written(batch)
        }
        add(14...14)
        let batch = try piece(of: 10)
        queue.written(batch)
        add(15...16)
        expectWritten(lines(6...10) + ["5 missing"] + lines(15...16))
    }

    @Test("What cannot be written is counted, is not tried again by itself, and is told with the next line that can")
    mutating func failing() throws {
        add(1...2)
        queue.failed(try piece(of: 25))
        let again = queue.next(bytesMax: 25)
        #expect(again?.text == nil, "nothing new, nothing to try")
        #expect(queue.isDone, "nobody waits for it")
        add(3...3)
        queue.failed(try piece(of: 25))
        let third = queue.next(bytesMax: 25)
        #expect(third?.text == nil)
        add(4...4)
        expectWritten(["3 missing"] + lines(4...4))
        #expect(queue.droppedEver == 3)
    }

    @Test("A line longer than the queue is dropped as any other")
    mutating func tooLong() {
        queue.add(String(repeating: "x", count: 200))
        expectWritten(["1 missing"])
    }
}
