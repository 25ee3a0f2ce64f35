import Foundation
import Logging
import NIOPosix
import RedisClient
import Support
import Testing

@testable import presence

@Suite("The private Redis")
struct EmbeddedRedisTests {
    @Test("It answers once the body runs, as configured, and is gone when the body ends")
    func lifetime() async throws {
        try await inFolder { folder in
            let pid = try await EmbeddedRedis.run(in: folder, logger: .silent) { endpoint in
                try await withClient(endpoint) { client in
                    for (name, value) in [
                        ("appendonly", "yes"), ("maxmemory-policy", "noeviction"), ("save", ""), ("port", "0"),
                    ] {
                        let answer = try await client.send(RedisCommand(keyless: "CONFIG", "GET", name))
                        #expect(answer == .array([.string(name), .string(value)]))
                    }
                    _ = try await client.checkServer()
                    return try await serverPID(client)
                }
            }
            #expect(kill(pid, 0) != 0, "the server must be gone")
        }
    }

    @Test("Killed, it comes back with its data; a restart of the service keeps them too")
    func durability() async throws {
        try await inFolder { folder in
            try await EmbeddedRedis.run(in: folder, logger: .silent) { endpoint in
                try await withClient(endpoint) { client in
                    _ = try await client.send(RedisCommand("SET", key: "k", "v"))
                    let pid = try await serverPID(client)
                    kill(pid, SIGKILL)
                    try await eventually(else: "no new server") {
                        guard let now = try? await serverPID(client) else { return false }
                        return now != pid
                    }
                    let value = try await client.send(RedisCommand("GET", key: "k"))
                    #expect(value == .string("v"))
                }
            }
            try await EmbeddedRedis.run(in: folder, logger: .silent) { endpoint in
                try await withClient(endpoint) { client in
                    let value = try await client.send(RedisCommand("GET", key: "k"))
                    #expect(value == .string("v"))
                }
            }
        }
    }

    @Test("A second service in the same folder is refused")
    func exclusive() async throws {
        try await inFolder { folder in
            try await EmbeddedRedis.run(in: folder, logger: .silent) { _ in
                let error = await #expect(throws: StartError.self) {
                    try await EmbeddedRedis.run(in: folder, logger: .silent) { _ in }
                }
                #expect(error?.message.contains("Another presence serve runs in") == true)
            }
        }
    }

    @Test("The server a killed service left behind is replaced, its data kept")
    func orphan() async throws {
        try await inFolder { folder in
            let orphan = try ChildProcess(
                [
                    "redis-server", "--port", "0", "--unixsocket", folder + "/redis.sock", "--dir", folder, "--save",
                    "",
                    "--appendonly", "yes",
                ], folder: folder, log: "orphan.log")
            let endpoint = EmbeddedRedis.endpoint(in: folder)
            try await withClient(endpoint) { client in
                try await eventually(else: "no orphan") { (try? await serverPID(client)) == orphan.pid }
                _ = try await client.send(RedisCommand("SET", key: "k", "v"))
            }
            try await EmbeddedRedis.run(in: folder, logger: .silent) { endpoint in
                try await withClient(endpoint) { client in
                    let pid = try await serverPID(client)
                    #expect(pid != orphan.pid)
                    let value = try await client.send(RedisCommand("GET", key: "k"))
                    #expect(value == .string("v"))
                }
            }
            try await eventually(else: "the orphan still runs") { !orphan.isRunning }
        }
    }

    @Test("A server that cannot start ends the start with a sentence")
    func broken() async throws {
        try await inFolder { folder in
            try FileManager.default.createDirectory(
                atPath: folder + "/appendonlydir", withIntermediateDirectories: true)
            try Data("nonsense".utf8).write(to: URL(filePath: folder + "/appendonlydir/appendonly.aof.manifest"))
            let error = await #expect(throws: StartError.self) {
                try await EmbeddedRedis.run(in: folder, logger: .silent) { _ in }
            }
            #expect(error?.message.contains("redis.log") == true)
        }
    }

    @Test("A folder too deep for a socket, or not to be had, is refused")
    func folders() async throws {
        for folder in ["/tmp/" + String(repeating: "x", count: 110), "/proc/nowhere"] {
            let error = await #expect(throws: StartError.self) {
                try await EmbeddedRedis.run(in: folder, logger: .silent) { _ in }
            }
            #expect(error?.message.contains("state.folder") == true)
        }
    }

    private func inFolder(_ body: (String) async throws -> Void) async throws {
        let folder = try temporaryFolder("redis")
        defer { removeFolder(folder) }
        try await body(folder)
    }

    private func withClient<Result: Sendable>(
        _ endpoint: RedisEndpoint, _ body: (RedisClient) async throws -> Result
    ) async throws -> Result {
        let client = RedisClient(
            endpoint: endpoint, eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: .silent)
        return try await withThrowingTaskGroup { group in
            group.addTask { await client.run() }
            defer { group.cancelAll() }
            return try await body(client)
        }
    }

    private func serverPID(_ client: RedisClient) async throws -> Int32 {
        let info = try await client.send(RedisCommand(keyless: "INFO", "server")).string ?? ""
        return try #require(info.firstMatch(of: /process_id:(\d+)/).flatMap { Int32($0.1) })
    }
}
