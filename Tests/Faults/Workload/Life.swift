import Synchronization

/// How far the run has come: clients begin nothing new once it is ending, and stop when it is over.
package final class Life: Sendable {
    private let recorder: Recorder
    private let stage = Mutex((isEnding: false, isOver: false))
    /// How many times slower than usual clients are.
    let slowness: Int

    init(_ recorder: Recorder, slowness: Int) {
        self.recorder = recorder
        self.slowness = slowness
    }

    var nowMs: RunMs { recorder.nowMs }
    package var isEnding: Bool { stage.withLock(\.isEnding) }
    package var isOver: Bool { stage.withLock(\.isOver) }

    package func end() { stage.withLock { $0.isEnding = true } }
    package func finish() { stage.withLock { $0 = (true, true) } }
}
