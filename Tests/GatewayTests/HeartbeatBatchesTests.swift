import NIOCore
import Testing

@testable import Gateway

@Suite("Heartbeats go to Redis together")
struct HeartbeatBatchesTests {
    private static let start = NIODeadline.now()
    private var batches = HeartbeatBatches<Int>(beatsPerBatchMax: 2, timeout: .seconds(2))

    @Test("The first of them starts the wait, and then none until they are sent")
    mutating func gather() {
        let first = batches.add(1)
        let second = batches.add(2)
        _ = batches.send(now: Self.start)
        let third = batches.add(3)
        #expect(first && !second && third)
    }

    @Test("Those of one write are in order and not too many; what was sent is not sent again")
    mutating func send() {
        for beat in 1...5 { _ = batches.add(beat) }
        let sent = batches.send(now: Self.start)
        let again = batches.send(now: Self.start)
        #expect(sent.map { Array($0.beats) } == [[1, 2], [3, 4], [5]] && again.isEmpty)
    }

    @Test("An answer in time is not late, whichever comes first")
    mutating func answered() {
        for beat in 1...3 { _ = batches.add(beat) }
        let sent = batches.send(now: Self.start)
        let isInTime = batches.answered(sent[1])
        let late = batches.takeLate(now: Self.start + .seconds(2))
        #expect(isInTime && late.map(\.number) == [sent[0].number] && batches.deadline == nil)
    }

    @Test("One that is late is told once, at its time")
    mutating func late() {
        _ = batches.add(1)
        let sent = batches.send(now: Self.start)
        #expect(batches.deadline == Self.start + .seconds(2))
        let early = batches.takeLate(now: Self.start + .milliseconds(1_999))
        let late = batches.takeLate(now: Self.start + .seconds(2))
        let again = batches.takeLate(now: Self.start + .seconds(9))
        let isInTime = batches.answered(sent[0])
        #expect(early.isEmpty && late.map(\.number) == [sent[0].number] && again.isEmpty && !isInTime)
    }
}
