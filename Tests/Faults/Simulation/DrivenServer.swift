import Foundation
import RedisClient
import Support

/// A redis-server on a unix socket whose time of day stands still until it is told to move. It deletes nothing by itself that has ended: a key that is asked for does.
struct DrivenServer: Sendable {
    let redis: RedisClient
    let socketPath: String
    private let clock: PreloadedClock

    /// A Friday in November 2025: no time of the machine's.
    static let startMs = 1_763_712_345_678

    /// Runs the body beside such a server.
    static func with<Result: Sendable>(_ body: (DrivenServer) async throws -> Result) async throws -> Result {
        let folder = try temporaryFolder("driven")
        defer { removeFolder(folder) }
        let clock = try await PreloadedClock(in: folder)
        try clock.stand(atMs: startMs)
        let socket = "\(folder)/redis.sock"
        let process = try ChildProcess(
            ["env"] + clock.environment.map { "\($0)=\($1)" } + [
                "redis-server", "--port", "0", "--unixsocket", socket, "--dir", folder, "--save", "", "--appendonly",
                "yes", "--appendfsync", "no",
                // Its thread waits for a time of day.
                "--jemalloc-bg-thread", "no", "--auto-aof-rewrite-percentage", "0", "--enable-debug-command", "yes",
                "--hz", "100",
            ], folder: folder, log: "log")
        do {
            try await eventually(else: "redis-server does not start: \(process.logEnd)") {
                guard process.isRunning else { throw Unusable("redis-server ended: \(process.logEnd)") }
                return FileManager.default.fileExists(atPath: socket)
            }
            let result = try await RedisClient.with("unix://\(socket)", options: .patient) { redis in
                let server = DrivenServer(redis: redis, socketPath: socket, clock: clock)
                try await server.command("DEBUG", "SET-ACTIVE-EXPIRE", "0")
                return try await body(server)
            }
            try? await process.end(with: SIGKILL)
            return result
        } catch {
            try? await process.end(with: SIGKILL)
            throw error
        }
    }

    /// From now on it is this time, in milliseconds since 1970.
    func set(nowMs: Int) throws { try clock.stand(atMs: nowMs) }

    @discardableResult
    func command(_ words: String...) async throws -> RedisValue { try await command(words) }

    @discardableResult
    func command(_ words: [String]) async throws -> RedisValue {
        try await redis.send(RedisCommand(words: words, routedBy: nil))
    }

    struct Unusable: Error, CustomStringConvertible {
        let description: String

        init(_ description: String) { self.description = description }
    }
}

extension RedisClientOptions {
    /// That a machine busy with others runs Redis late, or a command waits in a proxy, is no fault there.
    static let patient: RedisClientOptions = {
        var options = RedisClientOptions()
        options.commandDeadline = .seconds(60)
        options.overallDeadline = .seconds(60)
        options.backgroundDeadline = .seconds(60)
        return options
    }()
}
