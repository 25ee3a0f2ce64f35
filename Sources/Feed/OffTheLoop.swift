/// Runs work off the event loop that the caller may be on, which has others to serve meanwhile. The work is cancelled
/// with the caller.
package func offTheLoop<Value: Sendable>(
    _ work: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    let task = Task.detached { try await work() }
    return try await withTaskCancellationHandler {
        try await task.value
    } onCancel: {
        task.cancel()
    }
}
