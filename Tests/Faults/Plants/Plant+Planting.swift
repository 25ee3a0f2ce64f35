import PresenceCore

extension Plant? {
    /// Runs the body with this fault planted; a release build has none to plant.
    package func planted<Result>(_ body: () async throws -> Result) async throws -> Result {
        #if DEBUG
            return try await Plant.$here.withValue(self) { try await body() }
        #else
            return try await body()
        #endif
    }
}
