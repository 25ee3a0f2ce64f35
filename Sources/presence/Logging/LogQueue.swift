import DequeModule

/// Lines on their way to a log, in order and bounded in bytes.
///
/// What does not fit is dropped and counted, and so is what could not be written. A line that says how many are missing
/// takes their place as soon as there is room.
struct LogQueue {
    /// What is written at once.
    struct Batch {
        let text: [UInt8]
        /// How many lines of the log are in it, or told as missing in it.
        fileprivate let lines: Int
        /// The former alone.
        fileprivate let ownLines: Int
    }

    private struct Line {
        let text: String
        /// The lines of the log it stands for: itself, or those it says are missing.
        let lines: Int
        let isGap: Bool
    }

    private let bytesMax: Int
    private let gap: @Sendable (_ dropped: Int) -> String
    private var lines: Deque<Line> = []
    /// Of `lines`, and of the batch that is being written.
    private var bytes = 0
    private var dropped = 0
    /// Lines that were dropped or could not be written, ever.
    private(set) var droppedEver = 0
    /// The last batch was not written.
    private var isFailing = false

    /// - Parameters:
    ///   - bytesMax: how much may wait.
    ///   - gap: the line that says how many are missing.
    init(bytesMax: Int, gap: @escaping @Sendable (_ dropped: Int) -> String) {
        self.bytesMax = bytesMax
        self.gap = gap
    }

    /// Whether all that was added is written, or can not be.
    var isDone: Bool { bytes == 0 && (dropped == 0 || isFailing) }

    /// - Parameter line: with its end.
    mutating func add(_ line: String) {
        // Once full it stays so until half of it is written: a reader that is only slow gets long pieces without a gap.
        if dropped > 0, bytes <= bytesMax / 2 { tellOfGap() }
        guard dropped == 0, bytes + line.utf8.count <= bytesMax else {
            dropped += 1
            droppedEver += 1
            return
        }
        append(line, for: 1)
    }

    /// What is to be written next; nil if there is nothing. Follow it by `written` or `failed` before the next.
    /// - Parameter bytesMax: it is one line where that is longer.
    mutating func next(bytesMax: Int) -> Batch? {
        // A gap alone is not tried again and again where nothing can be written.
        if lines.isEmpty, dropped > 0, !isFailing { tellOfGap() }
        guard let first = lines.popFirst() else { return nil }
        var text = Array(first.text.utf8)
        var count = first.lines
        var own = first.isGap ? 0 : 1
        while let line = lines.first, text.count + line.text.utf8.count <= bytesMax {
            text += line.text.utf8
            count += line.lines
            own += line.isGap ? 0 : 1
            lines.removeFirst()
        }
        return Batch(text: text, lines: count, ownLines: own)
    }

    mutating func written(_ batch: Batch) {
        bytes -= batch.text.count
        isFailing = false
    }

    mutating func failed(_ batch: Batch) {
        bytes -= batch.text.count
        dropped += batch.lines
        droppedEver += batch.ownLines
        isFailing = true
    }

    private mutating func tellOfGap() {
        append(gap(dropped), for: dropped, isGap: true)
        dropped = 0
    }

    private mutating func append(_ line: String, for count: Int, isGap: Bool = false) {
        lines.append(Line(text: line, lines: count, isGap: isGap))
        bytes += line.utf8.count
    }
}
