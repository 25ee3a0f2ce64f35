import Foundation
import Synchronization

/// Writes down what happens in a run, as it happens.
package final class Recorder: Sendable {
    private let began: ContinuousClock.Instant
    private let state: Mutex<History>
    private let isClosed = Mutex(false)
    /// Where in the calls of a long run each session's last renewal stands.
    private let lastRenewal = Mutex<[String: Int]>([:])

    /// - Parameter isLong: there will be more calls than can be kept.
    package init(seed: UInt64, rules: History.Rules, isLong: Bool = false) {
        let epochMs: Int
        (began, epochMs) = Self.bothClocks()
        var history = History(seed: seed, rules: rules, epochMs: epochMs)
        history.isLong = isLong
        state = Mutex(history)
    }

    /// One instant on both clocks, to the millisecond. Where this machine does not run it so fast, as near as it gets.
    private static func bothClocks() -> (ContinuousClock.Instant, epochMs: Int) {
        func read() -> (began: ContinuousClock.Instant, epochMs: Int, took: Duration) {
            let began = ContinuousClock.now
            let epochMs = Int(Date().timeIntervalSince1970 * 1_000)
            return (began, epochMs, .now - began)
        }
        var best = read()
        for _ in 0..<1_000 where best.took >= .milliseconds(1) {
            let another = read()
            if another.took < best.took { best = another }
        }
        return (best.began, best.epochMs)
    }

    /// What every choice in the run follows from.
    var seed: UInt64 { state.withLock(\.seed) }

    package var nowMs: RunMs { Int((ContinuousClock.now - began) / .milliseconds(1)) }

    package var history: History { state.withLock { $0 } }

    package var operations: Int { state.withLock(\.operations) }

    package func add(_ call: Call) {
        state.withLock { history in
            history.operations += 1
            guard history.isLong else { return history.calls.append(call) }
            if call.kind == .query, history.operations % 20 != 0 { return }
            guard call.kind == .heartbeat, call.isRenewal, let session = call.session else {
                return history.calls.append(call)
            }
            // The last renewal of a session is the one that counts.
            if let place = lastRenewal.withLock({ $0[session] }) {
                history.calls[place] = call
            } else {
                lastRenewal.withLock { $0[session] = history.calls.count }
                history.calls.append(call)
            }
        }
    }

    /// Once the run is over, what is heard of its clients' leaving does not count.
    package func add(_ attempt: ReceivedPost) {
        if !isClosed.withLock({ $0 }) { state.withLock { $0.attempts.append(attempt) } }
    }

    package func close() { isClosed.withLock { $0 = true } }

    package func add(_ stall: History.Stall) { state.withLock { $0.stalls.append(stall) } }

    /// From now on what clients say and Redis says cannot be put on one clock.
    package func distrustClock() { state.withLock { $0.epochMs = nil } }

    /// What was changed in this time may be lost.
    /// - Parameter since: from when on that can show; by default once all of it is lost.
    package func declareLoss(from fromMs: RunMs, to toMs: RunMs, since sinceMs: RunMs? = nil) {
        state.withLock { $0.losses.append(.init(fromMs: fromMs, toMs: toMs, sinceMs: sinceMs ?? toMs)) }
    }

    package func add(_ fault: History.Fault) { state.withLock { $0.faults.append(fault) } }

    package func edit(_ body: (inout History) -> Void) { state.withLock { body(&$0) } }
}

extension History {
    /// Writes the history to a folder, one JSON object a line, for people and their tools.
    package func write(to folder: String) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try Self.write(calls, "calls", folder)
        try Self.write(attempts, "attempts", folder)
        try Self.write(dump.log, "log", folder)
        try Self.write(dump.users, "users", folder)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        try encoder.encode(self).write(to: URL(filePath: "\(folder)/history.json"))
    }

    /// Reads what `write` wrote.
    package init(folder: String) throws {
        let data = try Data(contentsOf: URL(filePath: "\(folder)/history.json"))
        self = try JSONDecoder().decode(History.self, from: data)
    }

    private static func write(_ values: [some Encodable], _ name: String, _ folder: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        var text = Data()
        for value in values {
            text += try encoder.encode(value)
            text += Data("\n".utf8)
        }
        try text.write(to: URL(filePath: "\(folder)/\(name).jsonl"))
    }
}
