import Foundation
import Support
import Testing

@Suite("Clients as they come", .timeLimit(.minutes(2)))
struct RealClientTests {
    /// The words that run a script of `Clients`.
    static let clients = [
        ["bash", "client.sh"], ["node", "client.mjs"], ["java", "Client.java"],
        [".build/python/bin/python3", "-B", "client.py"],
    ]

    @Test(
        "curl, Node's fetch, Java's HttpClient and Python's requests log in, heartbeat, query and are refused 2 MB",
        arguments: clients)
    func calls(_ client: [String]) async throws {
        let tests = URL(filePath: #filePath).deletingLastPathComponent()
        let root = tests.appending(path: "../..").standardized.path
        let program = client[0].contains("/") ? "\(root)/\(client[0])" : client[0]
        let script = tests.appending(path: "Clients/\(client[client.count - 1])").path
        try await RedisServer.withRedis { redis in
            try await PresenceProcess.withWorker(redis: redis.url) { worker in
                let folder = try temporaryFolder("client")
                defer { removeFolder(folder) }
                let words = [program] + client.dropFirst().dropLast() + [script, worker.url]
                let child = try ChildProcess(words, folder: folder, log: "output")
                try await eventually(timeout: .seconds(60), else: "it does not end: \(child.log)") { !child.isRunning }
                // What follows the refusal: for curl the same with an expectation, for others a query.
                let last = program == "bash" ? "413" : "200"
                #expect(child.log.split(whereSeparator: \.isWhitespace) == ["201", "200", "200", "413", last[...]])
            }
        }
    }
}
