import NIOCore

/// So many keys a second and no more.
struct Pace {
    let keysPerSecond: Int
    private var next = ContinuousClock.now

    init(keysPerSecond: Int) { self.keysPerSecond = max(1, keysPerSecond) }

    /// Waits until so many more keys may be read. Time not used is not saved up.
    mutating func wait(for keys: Int) async throws {
        let now = ContinuousClock.now
        if next > now { try await Task.sleep(until: next, clock: .continuous) }
        next = max(next, now) + .seconds(1) * keys / keysPerSecond
    }
}
