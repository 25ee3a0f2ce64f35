import DequeModule
import NIOCore

/// Heartbeats on their way to Redis and back: first they wait for each other, to go there in few writes, then for the
/// answer, and their clients not too long for it. Time is passed in.
struct HeartbeatBatches<Beat> {
    /// The heartbeats of one write.
    struct Batch {
        let number: Int
        let beats: ArraySlice<Beat>
        /// Their clients are told then that the answer is late.
        let deadline: NIODeadline
    }

    private let beatsPerBatchMax: Int
    private let timeout: TimeAmount
    private var gathering: [Beat] = []
    /// Sent, and neither answered nor late: the oldest first.
    private var sent: Deque<Batch> = []
    private var nextNumber = 0

    init(beatsPerBatchMax: Int, timeout: TimeAmount) {
        self.beatsPerBatchMax = beatsPerBatchMax
        self.timeout = timeout
    }

    /// - Returns: whether it is the first since `send`, which is due a while after it.
    mutating func add(_ beat: Beat) -> Bool {
        gathering.append(beat)
        return gathering.count == 1
    }

    /// What was gathered, each batch to be sent in one write.
    /// - Parameter parts: what of it is to wait for no other.
    mutating func send(now: NIODeadline, parts: ([Beat]) -> [[Beat]] = { [$0] }) -> [Batch] {
        let batches = parts(gathering).flatMap { $0.slices(of: beatsPerBatchMax) }.map { beats in
            defer { nextNumber += 1 }
            return Batch(number: nextNumber, beats: beats, deadline: now + timeout)
        }
        gathering = []
        sent += batches
        return batches
    }

    /// The answer is there.
    /// - Returns: false if it is late.
    mutating func answered(_ batch: Batch) -> Bool {
        guard let index = sent.firstIndex(where: { $0.number == batch.number }) else { return false }
        sent.remove(at: index)
        return true
    }

    /// When `takeLate` is due.
    var deadline: NIODeadline? { sent.first?.deadline }

    mutating func takeLate(now: NIODeadline) -> [Batch] {
        var late: [Batch] = []
        while let batch = sent.first, batch.deadline <= now { late.append(sent.removeFirst()) }
        return late
    }
}

extension HeartbeatBatches.Batch: Sendable where Beat: Sendable {}

extension Array {
    func slices(of countMax: Int) -> [ArraySlice<Element>] {
        stride(from: 0, to: count, by: countMax).map { self[$0..<Swift.min($0 + countMax, count)] }
    }
}
