import Testing

@testable import Gateway

@Suite("Jobs wait for their turn")
struct JobQueueTests {
    private var jobs = JobQueue<Int>(runningMax: 2)

    @Test("As many as may be start at once, the others in order as one is done")
    mutating func order() {
        let atOnce = (1...5).map { jobs.add($0) }
        let later = (1...5).map { _ in jobs.finished() }
        #expect(atOnce == [1, 2, nil, nil, nil] && later == [3, 4, 5, nil, nil])
    }

    @Test("Idle is when none waits and none is under way")
    mutating func idle() {
        #expect(jobs.isIdle)
        _ = jobs.add(1)
        #expect(!jobs.isIdle)
        _ = jobs.finished()
        #expect(jobs.isIdle)
    }
}
