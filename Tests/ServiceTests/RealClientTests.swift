import Foundation
import Support
import Testing

/// What clients of many kinds make of a worker, as they come.
@Suite("Clients as they come", .timeLimit(.minutes(5)))
struct RealClientTests {
    /// What starts each; it is told the URL and the heartbeats to send. It tells the answer to these, and the statuses
    /// of a login, the heartbeats, a query and a body of 2 MB, then of one more call.
    private static let clients: KeyValuePairs<String, [String]> = [
        "curl": ["bash", "client.sh"],
        "Node's fetch": ["node", "client.mjs"],
        "Java's HttpClient": ["java", "Client.java"],
        "Python's requests": ["python3", "-B", "client.py", "requests"],
        "Python's httpx": ["python3", "-B", "client.py", "httpx"],
        "Go's net/http": ["go", "run", "client.go"],
        "wrk": ["wrk", "-t1", "-c1", "-d30s", "-s", "client.lua"],
    ]

    @Test(
        "A client logs in, sends a batch of heartbeats, queries and is refused 2 MB over one connection",
        arguments: clients.map(\.key))
    func calls(_ name: String) async throws {
        let words = try #require(Self.clients.first { $0.key == name }?.value)
        try await Self.withRelay { worker, relay in
            let heartbeats = try await Self.heartbeats(of: ["bob", "cid"], at: worker)
            let output = try await Self.run(words + ["http://127.0.0.1:\(relay.port)", heartbeats])
            // What follows the refusal: for curl the same with an expectation, for others a query.
            let last = name == "curl" ? "413" : "200"
            let told = output.split(separator: "\n").first { $0.contains("413") } ?? ""
            #expect(
                told.split(separator: " ") == [
                    "201", #"{"renewed":2,"gone":[],"errors":[]}"#, "200", "200", "413", last[...],
                ],
                "\(output)")
            // The refusal ends the connection. Before all, wrk opens one to see that it can.
            #expect(relay.connections == (name == "wrk" ? 3 : 2))
        }
    }

    @Test("Under a load of wrk no answer is other than 2xx, over its 16 connections and the one it tries first")
    func load() async throws {
        try await Self.withRelay { worker, relay in
            let heartbeats = try await Self.heartbeats(of: ["bob", "cid"], at: worker)
            let url = "http://127.0.0.1:\(relay.port)"
            let output = try await Self.run(["wrk", "-t2", "-c16", "-d1s", "-s", "load.lua", url, heartbeats])
            #expect(output.hasSuffix("requests some, not 2xx 0, failed 0\n"), "\(output)")
            #expect(relay.connections == 17)
        }
    }

    private static func withRelay(_ body: (PresenceProcess, Relay) async throws -> Void) async throws {
        try await RedisServer.withRedis { redis in
            // A client may take its time to be compiled.
            let settings = ["heartbeat.browser-timeout-ms": "600000"]
            try await PresenceProcess.withWorker(redis: redis.url, settings) { worker in
                try await Relay.withRelay(to: worker.port) { try await body(worker, $0) }
            }
        }
    }

    /// Logs the users in; the body of heartbeats of them all.
    private static func heartbeats(of users: [String], at worker: PresenceProcess) async throws -> String {
        var sessions: [[String: String]] = []
        for user in users {
            sessions.append(["user": user, "session": try await Backend(worker).session(user, "Web")])
        }
        return try Backend.json(["sessions": sessions])
    }

    /// Runs a program to its end and gives its output. Names of scripts stand for those of `Clients`, programs of
    /// Scripts/test's Python environment come first.
    private static func run(_ words: [String]) async throws -> String {
        let installed = "\(tests.path)/../../.build/python/bin/\(words[0])"
        let program = FileManager.default.isExecutableFile(atPath: installed) ? installed : words[0]
        let arguments = words.dropFirst().map { FileManager.default.fileExists(atPath: path($0)) ? path($0) : $0 }
        let folder = try temporaryFolder("client")
        defer { removeFolder(folder) }
        let child = try ChildProcess([program] + arguments, folder: folder, log: "output")
        // Go compiles its library first.
        try await eventually(timeout: .seconds(240), else: "\(words) does not end: \(child.log)") { !child.isRunning }
        return child.log
    }

    private static func path(_ script: String) -> String { tests.appending(path: "Clients/\(script)").path }

    private static let tests = URL(filePath: #filePath).deletingLastPathComponent()
}
