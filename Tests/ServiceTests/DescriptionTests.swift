import Foundation
import Support
import Testing

/// What programs make of `/openapi.json` that know nothing else of a worker.
@Suite("openapi.json is enough for programs:", .timeLimit(.minutes(5)))
struct DescriptionTests {
    private static let key = "a-key-for-tests"

    /// What schemathesis does not look at. Unknown methods are no HTTP this service can read (400, not 405). A schema
    /// cannot say which platforms are configured, nor count bytes. Of `/v1/connect` it makes no WebSocket: 426 always.
    private static let unlooked = ["unsupported_method", "positive_data_acceptance"]
    /// The same where no key is asked for: the document says that one is.
    private static let unlookedWithoutKeys = ["ignored_auth", "missing_required_header", "negative_data_rejection"]

    @Test("Whatever schemathesis sends, no answer is a 5xx or another than described", arguments: [true, false])
    func explored(hasKeys: Bool) async throws {
        try await Self.withWorker(hasKeys: hasKeys) { worker, folder in
            let excluded = Self.unlooked + (hasKeys ? [] : Self.unlookedWithoutKeys)
            let child = try Self.python(
                "schemathesis",
                ["run", "\(worker.url)/openapi.json", "--header", "Authorization: Bearer \(Self.key)"]
                    + ["--exclude-operation-id", "connect", "--exclude-checks", excluded.joined(separator: ",")]
                    + ["--max-examples", "40", "--seed", "1", "--workers", "1", "--warnings", "off", "--no-color"],
                in: folder)
            try await eventually(timeout: .seconds(200), else: "schemathesis does not end") { !child.isRunning }
            #expect(child.exitStatus == 0, "\(child.log.suffix(8_000))")
            let tested = child.log.firstMatch(of: /Tested: +(\d+)/).flatMap { Int($0.1) }
            let operations = try await Backend(worker).call(.get, "/openapi.json").body["paths"].members.values
                .flatMap(\.members.keys).filter { $0 != "parameters" }
            // It leaves out where the document itself stands, too.
            #expect(tested == operations.count - 2, "\(child.log.suffix(2_000))")
        }
    }

    @Test(
        "A client made by openapi-python-client logs in, queries, heartbeats, kicks, and reads problems by their code")
    func generated() async throws {
        try await Self.withWorker(hasKeys: true) { worker, folder in
            let document = try await Backend(worker).call(.get, "/openapi.json").text
            try document.write(toFile: "\(folder)/openapi.json", atomically: true, encoding: .utf8)
            try "package_name_override: presence_client\npost_hooks: []\n"
                .write(toFile: "\(folder)/config.yml", atomically: true, encoding: .utf8)
            let generator = try Self.python(
                "openapi-python-client",
                ["generate", "--path", "openapi.json", "--config", "config.yml", "--fail-on-warning"]
                    + ["--meta", "none", "--output-path", "presence_client"], in: folder)
            try await eventually(timeout: .seconds(60), else: "the generator does not end") { !generator.isRunning }
            try #require(generator.exitStatus == 0, "\(generator.log)")

            let script = Repository.root.appending(path: "Tests/ServiceTests/Clients/generated.py").path
            let client = try Self.python("python3", ["-B", script, folder, worker.url, Self.key], in: folder)
            try await eventually(timeout: .seconds(60), else: "the client does not end") { !client.isRunning }
            #expect(
                client.log.split(separator: "\n") == [
                    "login True 25 0", "user Online Web True", "never seen None",
                    "statuses Online Offline invalid-user", "without detail True", "heartbeat 1",
                    "kick of another instance 0", "kick True", "gone True", "logout Offline", "wrong key True 401 True",
                    "invalid invalid-field platform",
                ])
        }
    }

    private static func withWorker(
        hasKeys: Bool, body: (PresenceProcess, _ folder: String) async throws -> Void
    ) async throws {
        let folder = try temporaryFolder("description")
        defer { removeFolder(folder) }
        try await RedisServer.withRedis { redis in
            let settings = ["app.id": "1400000000", "app.secret-key": "0123456789abcdef0123456789abcdef"]
            let keys = hasKeys ? ["auth.api-keys": key] : [:]
            try await PresenceProcess.withWorker(redis: redis.url, settings.merging(keys) { $1 }) { worker in
                try await body(worker, folder)
            }
        }
    }

    /// Starts a program of Scripts/test's Python environment.
    private static func python(_ name: String, _ arguments: [String], in folder: String) throws -> ChildProcess {
        let program = Repository.root.appending(path: ".build/python/bin/\(name)").path
        return try ChildProcess(
            ["env", "-C", folder, program] + arguments, folder: folder, log: "\(UUID().uuidString).out")
    }
}
