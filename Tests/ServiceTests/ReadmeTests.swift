import Foundation
import PresenceStore
import RedisClient
import Support
import Testing

/// Runs what the README prints.
@Suite("The README")
struct ReadmeTests {
    @Test("Its session with curl and its look inside with redis-cli work as printed")
    func commands() async throws {
        let home = try temporaryFolder("readme")
        defer { removeFolder(home) }
        let settings = [
            "heartbeat.browser-timeout-ms": "4000", "heartbeat.browser-interval-ms": "1000", "outage.gap-ms": "2500",
        ]
        let worker = try await PresenceProcess.start(redis: nil, settings, folder: home, home: home)
        do {
            try await session(worker, home)
            try await inspection(worker, home)
            try await worker.stop()
        } catch {
            try? await worker.stop()
            throw error
        }
    }

    @Test("Its command for a Redis user of the service works in a shell as printed")
    func user() async throws {
        let folder = try temporaryFolder("acl")
        defer { removeFolder(folder) }
        try await RedisServer.withRedis { server in
            let command = try Self.block(containing: "ACL SETUSER").joined(separator: "\n")
                .replacing("redis-cli", with: "redis-cli -p \(server.port)")
            let script = "redis-cli -p \(server.port) ACL DELUSER presence\n" + command
            #expect(try await shell(script, folder) == "1\nOK\n")
            try await RedisClient.with(server.serviceURL) { redis in
                let keys = KeySpace(prefix: "presence", shards: 1)
                let store = PresenceStore(redis: redis, keys: keys, options: StoreOptions(worker: "a"))
                let missing = try await store.missingPermissions() + store.missingHintPermissions()
                #expect(missing == [])
            }
        }
    }

    /// Only the address and, as the timeout is shortened, the silence differ from what is printed.
    private func session(_ worker: PresenceProcess, _ home: String) async throws {
        let lines = try Self.block(containing: "sleep 62")
            .map { $0.replacing("http://127.0.0.1:8080", with: worker.url).replacing("sleep 62", with: "sleep 6") }
        #expect(lines.count == 5)
        let output = try await shell(lines.joined(separator: "\n"), home)
        let answers = output.split(separator: "}{", omittingEmptySubsequences: true)
        #expect(answers.count == 3, "\(output)")
        #expect(answers.first?.contains(#""status":"Online""#) == true, "\(output)")
        #expect(output.contains(#""renewed":1"#), "\(output)")
        #expect(answers.last?.contains(#""status":"Offline""#) == true, "\(output)")
    }

    private func inspection(_ worker: PresenceProcess, _ home: String) async throws {
        let backend = Backend(worker)
        let session = try await backend.session("alice", "Web")
        let lines = try Self.block(containing: "redis-cli")
        #expect(lines.count == 8)
        var outputs: [String] = []
        for line in lines { outputs.append(try await shell(line, home)) }
        #expect(outputs[0] == "071\n", "the shard of alice")
        #expect(outputs[1].contains("Web:default\nstatus=Online generation="))
        #expect(outputs[2] == "presence:{071}:lease:alice:\(session)\n")
        #expect(outputs[3].hasPrefix("alice\n"))
        #expect(outputs[4].contains("reason\nRegister") && outputs[4].contains(session))
        #expect(outputs[5].contains("Online:Web\n1"))
        #expect(outputs[6].contains("fence\n"))
        #expect(outputs[7].split(separator: "\n").count == 2, "one worker and its last sign of life")
    }

    private func shell(_ script: String, _ home: String) async throws -> String {
        let child = try ChildProcess(
            ["env", "HOME=\(home)", "bash", "-c", script], folder: home, log: "\(UUID().uuidString).out")
        try await eventually(timeout: .seconds(30), else: "still runs: \(script)") { !child.isRunning }
        #expect(child.exitStatus == 0, "\(script): \(child.log)")
        return child.log
    }

    /// The lines of the first shell block of the README with this text.
    private static func block(containing text: String) throws -> [String] {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let readme = try String(contentsOf: root.appending(path: "README.md"), encoding: .utf8)
        let blocks = readme.components(separatedBy: "```sh\n").dropFirst()
            .compactMap { $0.components(separatedBy: "\n```").first }
        return try #require(blocks.first { $0.contains(text) }).components(separatedBy: "\n")
    }
}
