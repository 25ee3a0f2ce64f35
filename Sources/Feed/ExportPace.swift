import PresenceStore
import Synchronization

/// How fast exports may go on: so many users a second, and a few pages at once.
final class ExportPace: Sendable {
    /// What a page costs beside its users.
    private static let usersOfPage = 20

    private let turnstile = Turnstile(FeedLimits.exportsMax, waitingMax: FeedLimits.exportsWaitingMax)
    private let usersPerSecond: Int
    /// From when on the next page may be made.
    private let freeAt = Mutex(ContinuousClock.now)

    init(usersPerSecond: Int) { self.usersPerSecond = usersPerSecond }

    /// - Parameter page: returns how many users it looked at, too.
    func pass<Result: Sendable>(_ page: () async throws -> (Result, looked: Int)) async throws -> Result {
        try await turnstile.pass {
            try await Task.sleep(until: freeAt.withLock(\.self))
            let (result, looked) = try await page()
            let cost = Duration.microseconds((looked + Self.usersOfPage) * 1_000_000 / usersPerSecond)
            freeAt.withLock { $0 = max($0, .now) + cost }
            return result
        }
    }
}
