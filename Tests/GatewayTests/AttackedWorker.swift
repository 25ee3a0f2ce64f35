import Foundation
import Support
import Testing

/// The one worker a suite attacks, which has to outlive all of it.
enum AttackedWorker {
    @TaskLocal fileprivate static var current: Deployment?

    static var deployment: Deployment {
        get throws { try #require(current, "the suite has the trait besideAWorker") }
    }

    static var worker: PresenceProcess {
        get throws { try deployment.workers[0] }
    }

    static func newUser() -> String { "user-\(UInt64.random(in: 0...UInt64.max))" }

    static func target(_ user: String = newUser()) -> String { "/v1/connect?user=\(user)&platform=Windows" }

    /// Runs the body with a client that is logged in and has read its welcome.
    static func withClient(_ user: String = newUser(), body: (RawWebSocket) async throws -> Void) async throws {
        try await RawWebSocket.with(port: worker.port, target(user)) { client in
            let welcome = try await client.message()
            #expect(welcome["type"].string == "welcome")
            return try await body(client)
        }
    }

    /// The worker lives, and serves a client that does nothing wrong.
    static func expectServing() async throws {
        try await withClient { client in
            try await client.expectOpen()
        }
        let worker = try worker
        #expect(worker.child.isRunning && !worker.log.contains("Fatal error"), "\(worker.child.logEnd)")
    }
}

/// Runs a suite beside a worker whose clients do not fall silent, and looks at the end whether it still serves.
struct BesideAWorker: SuiteTrait, TestScoping {
    static let settings = ["heartbeat.desktop-interval-ms": "100000", "heartbeat.desktop-timeout-ms": "400000"]

    func provideScope(
        for test: Test, testCase: Test.Case?, performing suite: @concurrent @Sendable () async throws -> Void
    ) async throws {
        try await Deployment.with(workers: 1, Self.settings) { deployment in
            try await AttackedWorker.$current.withValue(deployment) {
                try await suite()
                try await AttackedWorker.expectServing()
            }
        }
    }
}

extension Trait where Self == BesideAWorker {
    static var besideAWorker: Self { Self() }
}
