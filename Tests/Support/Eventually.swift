/// What a test waited for in vain.
package struct TimedOut: Error, CustomStringConvertible {
    package let description: String

    package init(description: String) { self.description = description }
}

/// Waits until the condition holds, asking again and again: by default so long that a machine busy with other tests is
/// no reason to fail. Who promises a time says it.
/// - Throws: `TimedOut` with the message when the time is up, or what the condition throws.
package func eventually(
    timeout: Duration = .seconds(60), else message: @autoclosure () -> String,
    isolation: isolated (any Actor)? = #isolation, _ condition: () async throws -> Bool
) async throws {
    let end = ContinuousClock.now + timeout
    while try await !condition() {
        guard ContinuousClock.now < end else { throw TimedOut(description: "after \(timeout): \(message())") }
        try await Task.sleep(for: .milliseconds(10))
    }
}
