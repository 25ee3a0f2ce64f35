import PresenceCore
import Testing

@Suite("Pauses between tries")
struct BackoffTests {
    @Test("The bound doubles from the first to the most; a pause is a random part of it, half at least")
    func bounds() {
        var backoff = Backoff(first: .milliseconds(200), most: .seconds(10))
        let bounds = (1...9).map { _ in backoff.next(part: 1) }
        #expect(bounds == [200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000, 10_000].map { .milliseconds($0) })
        #expect(backoff.failures == 9)
        #expect(backoff.next(part: 0) == .seconds(5))
        for _ in 0..<100 { #expect((.seconds(5) ... .seconds(10)).contains(backoff.next())) }
    }

    @Test("After a success the next failure is the first")
    func reset() {
        var backoff = Backoff(first: .milliseconds(10), most: .milliseconds(35))
        for _ in 1...3 { _ = backoff.next() }
        backoff.reset()
        #expect(backoff.failures == 0)
        #expect(backoff.next(part: 1) == .milliseconds(10))
    }

    @Test("Very many failures change nothing any more, none is counted as the first", arguments: [0, 1, 64, Int.max])
    func extremes(failures: Int) {
        let backoff = Backoff(first: .milliseconds(1), most: .seconds(10))
        let expected: Duration = failures <= 1 ? .milliseconds(1) : .seconds(10)
        #expect(backoff.pause(afterFailures: failures, part: 1) == expected)
    }
}
