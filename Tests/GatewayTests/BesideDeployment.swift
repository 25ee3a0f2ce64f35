import Support
import Testing

extension Deployment {
    @TaskLocal fileprivate static var shared: Deployment?

    /// The one the suite runs beside.
    static var ofSuite: Deployment {
        get throws { try #require(shared, "the suite has the trait beside") }
    }

    /// With these nobody falls silent while a test runs.
    static let longTimeouts = [
        "heartbeat.mobile-interval-ms": "100000", "heartbeat.mobile-timeout-ms": "400000",
        "heartbeat.desktop-interval-ms": "100000", "heartbeat.desktop-timeout-ms": "400000",
        "heartbeat.browser-interval-ms": "100000", "heartbeat.browser-timeout-ms": "400000",
        "push.retention-ms": "400000",
    ]
}

/// Runs a suite beside a deployment all its tests share.
struct BesideDeployment: SuiteTrait, TestScoping {
    let workers: Int
    /// Of a folder that lives as long as the deployment.
    let settings: @Sendable (_ folder: String) throws -> [String: String]

    func provideScope(
        for test: Test, testCase: Test.Case?, performing suite: @concurrent @Sendable () async throws -> Void
    ) async throws {
        let folder = try temporaryFolder("suite")
        defer { removeFolder(folder) }
        try await Deployment.with(workers: workers, settings(folder)) { deployment in
            try await Deployment.$shared.withValue(deployment) { try await suite() }
        }
    }
}

extension Trait where Self == BesideDeployment {
    static func beside(workers: Int, _ settings: [String: String] = Deployment.longTimeouts) -> Self {
        Self(workers: workers) { _ in settings }
    }

    static func beside(
        workers: Int, settings: @escaping @Sendable (_ folder: String) throws -> [String: String]
    ) -> Self {
        Self(workers: workers, settings: settings)
    }
}
