import Dispatch
import Foundation
import Logging
import Logs
import Synchronization

/// A file or pipe that is written from a thread of its own: whoever logs never waits for who reads, not even for a
/// reader that has stopped. What waits is bounded, see `LogQueue`.
final class LogOutput: Sendable {
    static let standardError = LogOutput(STDERR_FILENO)

    /// A write of so much to a pipe is one piece, also where several processes share it.
    private static let batchBytesMax = 4_096
    private static let queueBytesMax = 1 << 20
    private static let flushPollInterval: Duration = .milliseconds(5)

    private struct State {
        var queue: LogQueue
        /// The thread looks at the queue once more before it sleeps.
        var isAwake = false
    }

    private let descriptor: CInt
    private let state: Mutex<State>
    private let wakeUp = DispatchSemaphore(value: 0)

    /// - Parameter descriptor: stays open as long as the process lives, as the thread does.
    init(_ descriptor: CInt, queueBytesMax: Int = LogOutput.queueBytesMax) {
        self.descriptor = descriptor
        state = Mutex(State(queue: LogQueue(bytesMax: queueBytesMax, gap: Self.gap)))
        Thread.detachNewThread { self.writeForEver() }
    }

    /// Takes the numbers of the standard files this process was started without. Otherwise the next file or socket it
    /// opens gets them, and what is for standard error goes there.
    static func claimStandardFiles() {
        while true {
            let file = open("/dev/null", O_RDWR)
            guard file > STDERR_FILENO || file < 0 else { continue }
            close(file)
            return
        }
    }

    /// Has the text written after all that came before it.
    /// - Parameter text: a line with its end.
    func write(_ text: String) {
        let wasAwake = state.withLock { state in
            state.queue.add(text)
            defer { state.isAwake = true }
            return state.isAwake
        }
        if !wasAwake { wakeUp.signal() }
    }

    /// Lines so far that were dropped or could not be written.
    var droppedLines: Int { state.withLock(\.queue.droppedEver) }

    /// Waits until what came so far is written, as far as it can be within this time.
    func flush(within limit: Duration) async {
        let end = ContinuousClock.now + limit
        while state.withLock({ !$0.queue.isDone }), ContinuousClock.now < end {
            try? await Task.sleep(for: Self.flushPollInterval)
        }
    }

    /// The line that stands where others are missing.
    private static func gap(dropped: Int) -> String {
        LogLine(
            level: .warning,
            message: "Lines of the log are missing here: whoever reads it was too slow, or it could not be written",
            values: Logger.Metadata.keyed([.lines: "\(dropped)"]).map { ($0.key, "\($0.value)") }
        ).written(as: LogSettings.shared.format)
    }

    private func writeForEver() {
        // Whether a signal comes while this thread writes is none of its business; a pipe without reader is an error.
        var signals = sigset_t()
        sigfillset(&signals)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        while true {
            wakeUp.wait()
            while let batch = nextBatch() {
                let isWritten = write(batch.text[...])
                state.withLock { isWritten ? $0.queue.written(batch) : $0.queue.failed(batch) }
            }
        }
    }

    private func nextBatch() -> LogQueue.Batch? {
        state.withLock { state in
            let batch = state.queue.next(bytesMax: Self.batchBytesMax)
            state.isAwake = batch != nil
            return batch
        }
    }

    /// Waits as long as the reader needs.
    /// - Returns: false where it can not be written: nobody reads any more, the disk is full.
    private func write(_ bytes: ArraySlice<UInt8>) -> Bool {
        var rest = bytes
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if count < 0, errno == EAGAIN {
                // Somebody who shares it made it non-blocking.
                var room = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&room, 1, -1)
            } else if count == 0 || errno != EINTR {
                return false
            }
        }
        return true
    }
}
