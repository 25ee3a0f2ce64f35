import Foundation
import Synchronization

/// Watches how late this machine runs a thread that is due every 10 ms. What it finds widens the checker's bounds of
/// time: a machine that stood still for a second is no fault of the service.
package final class StallMeter: Sendable {
    private static let tick: Duration = .milliseconds(10)
    /// Shorter ones are the scheduler's business.
    private static let least: Duration = .milliseconds(40)

    private let isStopped = Mutex(false)

    package init(_ recorder: Recorder) {
        // A thread of its own: a task would measure the concurrency pool of this process too.
        let thread = Thread { [self] in
            while !isStopped.withLock({ $0 }) {
                let due = ContinuousClock.now + Self.tick
                Thread.sleep(forTimeInterval: 0.01)
                let late = ContinuousClock.now - due
                if late >= Self.least {
                    let lengthMs = Int(late / .milliseconds(1))
                    recorder.add(History.Stall(atMs: recorder.nowMs - lengthMs, lengthMs: lengthMs))
                }
            }
        }
        thread.start()
    }

    package func stop() { isStopped.withLock { $0 = true } }
}
