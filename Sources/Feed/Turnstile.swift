import DequeModule
import PresenceStore
import Synchronization

/// Lets so many at a time do something that is dear; the others wait, and there is an end to how many may.
final class Turnstile: Sendable {
    private struct State {
        var free: Int
        var next = 0
        var waiting: Deque<(number: Int, continuation: CheckedContinuation<Bool, Never>)> = []
    }

    private let state: Mutex<State>
    private let waitingMax: Int

    init(_ count: Int, waitingMax: Int) {
        state = Mutex(State(free: count))
        self.waitingMax = waitingMax
    }

    /// - Throws: `StoreError` where too many wait, or the task is cancelled, or what the body throws.
    func pass<Result: Sendable>(_ body: () async throws -> Result) async throws -> Result {
        guard await enter() else {
            throw StoreError(.overloaded, "Too many ask for this at once; try again.")
        }
        defer { leave() }
        return try await body()
    }

    private func enter() async -> Bool {
        let number = state.withLock { state in
            defer { state.next += 1 }
            return state.next
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isIn = state.withLock { state -> Bool? in
                    guard state.free == 0 else {
                        state.free -= 1
                        return true
                    }
                    guard state.waiting.count < waitingMax, !Task.isCancelled else { return false }
                    state.waiting.append((number, continuation))
                    return nil
                }
                if let isIn { continuation.resume(returning: isIn) }
            }
        } onCancel: {
            let left = state.withLock { state in
                state.waiting.firstIndex { $0.number == number }.map { state.waiting.remove(at: $0) }
            }
            left?.continuation.resume(returning: false)
        }
    }

    private func leave() {
        let next = state.withLock { state in
            let next = state.waiting.popFirst()
            if next == nil { state.free += 1 }
            return next
        }
        next?.continuation.resume(returning: true)
    }
}
