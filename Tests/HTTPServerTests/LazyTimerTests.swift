import HTTPServer
import NIOCore
import NIOEmbedded
import Testing

@Suite("A timer for a deadline that moves")
struct LazyTimerTests {
    /// Counts how often it is woken, and sets the timer to what its deadline is by then.
    private final class Target: Wakeable {
        let loop: EmbeddedEventLoop
        var deadline: NIODeadline?
        var wakes = 0
        let timer: LazyTimer

        init(insteadOf other: Target? = nil) {
            loop = other?.loop ?? EmbeddedEventLoop()
            timer = other?.timer ?? LazyTimer(on: loop)
            timer.start(waking: self)
        }

        func set(_ seconds: Int64?) {
            deadline = seconds.map { .uptimeNanoseconds(0) + .seconds($0) }
            timer.set(deadline)
        }

        func wake() {
            wakes += 1
            if let deadline, deadline <= loop.now { self.deadline = nil }
            timer.set(deadline)
        }

        /// How often it was woken by then.
        func wakes(by seconds: Int64) -> Int {
            loop.advanceTime(to: .uptimeNanoseconds(0) + .seconds(seconds))
            return wakes
        }
    }

    @Test("wakes at it, once")
    func once() {
        let target = Target()
        target.set(5)
        #expect(target.wakes(by: 4) == 0)
        #expect(target.wakes(by: 5) == 1)
        #expect(target.wakes(by: 50) == 1)
    }

    @Test("that moves away: it wakes in between, once however often it moved, and then at it")
    func later() {
        let target = Target()
        for seconds in 5...20 { target.set(Int64(seconds)) }
        #expect(target.wakes(by: 5) == 1)
        #expect(target.wakes(by: 19) == 1)
        #expect(target.wakes(by: 20) == 2)
        #expect(target.wakes(by: 90) == 2)
    }

    @Test("that comes nearer: it wakes then, and not a second time")
    func earlier() {
        let target = Target()
        target.set(20)
        target.set(5)
        #expect(target.wakes(by: 5) == 1)
        #expect(target.wakes(by: 90) == 1)
    }

    @Test("and wakes nobody when it is stopped, whom it lets go")
    func stopped() {
        var target: Target? = Target()
        weak let watched = target
        target?.set(5)
        target?.timer.stop()
        target?.set(3)
        #expect(target?.wakes(by: 9) == 0)
        target = nil
        #expect(watched == nil)
    }

    @Test("and wakes the next one it is started for, also by what was set for the first")
    func handedOver() {
        let first = Target()
        first.set(5)
        first.timer.stop()
        let second = Target(insteadOf: first)
        second.set(9)
        #expect(second.wakes(by: 5) == 1)
        #expect(second.wakes(by: 20) == 2)
        #expect(first.wakes == 0)
    }
}
