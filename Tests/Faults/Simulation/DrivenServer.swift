import Foundation
import RedisClient
import Support
import Synchronization

/// A redis-server on a unix socket whose time of day stands still until it is told to move. It deletes nothing by itself
/// that has ended: a key that is asked for does.
struct DrivenServer: Sendable {
    let redis: RedisClient
    private let process: DrivenProcess
    private let clock: PreloadedClock

    var socketPath: String { process.socketPath }
    /// Where its dump and its append-only file are.
    var folder: String { process.folder }

    /// A Friday in November 2025: no time of the machine's.
    static let startMs = 1_763_712_345_678

    /// Runs the body beside such a server.
    static func with<Result: Sendable>(_ body: (DrivenServer) async throws -> Result) async throws -> Result {
        let folder = try temporaryFolder("driven")
        defer { removeFolder(folder) }
        let clock = try await PreloadedClock(in: folder)
        try clock.stand(atMs: startMs)
        let process = DrivenProcess(folder: folder, environment: clock.environment)
        do {
            try await process.start()
            let result = try await RedisClient.with("unix://\(process.socketPath)", options: .patient) { redis in
                let server = DrivenServer(redis: redis, process: process, clock: clock)
                try await server.keepWhatHasEnded()
                return try await body(server)
            }
            try? await process.kill()
            return result
        } catch {
            try? await process.kill()
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

/// Its process ends, and another goes on with what lies in the folder.
extension DrivenServer {
    /// kill -9, and a start from the append-only file.
    /// - Parameter meanwhile: what is done to the files.
    func restart(meanwhile: () throws -> Void = {}) async throws {
        try await process.kill()
        try meanwhile()
        try await process.start()
        try await keepWhatHasEnded()
    }

    /// kill -9, and a start from a dump, as the documentation has it: without the append-only file, which is begun anew
    /// then.
    func restart(fromDump file: String) async throws {
        try await process.kill()
        let place = "\(folder)/dump.rdb"
        if file != place {
            try? FileManager.default.removeItem(atPath: place)
            try FileManager.default.copyItem(atPath: file, toPath: place)
        }
        try await process.start(["--appendonly", "no"])
        try await keepWhatHasEnded()
        try await command("CONFIG", "SET", "appendonly", "yes")
        try await untilLogIsWritten()
    }

    /// Waits until the append-only file that is begun anew is there.
    func untilLogIsWritten() async throws {
        try await eventually(else: "the append-only file is not rewritten") {
            let info = try await command("INFO", "persistence").string ?? ""
            return ["aof_rewrite_in_progress:0", "aof_rewrite_scheduled:0"].allSatisfy { info.contains($0) }
        }
    }

    private func keepWhatHasEnded() async throws { try await command("DEBUG", "SET-ACTIVE-EXPIRE", "0") }
}

/// The process of one.
private final class DrivenProcess: Sendable {
    let folder: String
    private let environment: [String: String]
    private let running = Mutex<ChildProcess?>(nil)

    var socketPath: String { "\(folder)/redis.sock" }

    init(folder: String, environment: [String: String]) {
        self.folder = folder
        self.environment = environment
    }

    /// - Parameter more: arguments that count more than its own.
    func start(_ more: [String] = []) async throws {
        let process = try ChildProcess(
            ["env"] + environment.map { "\($0)=\($1)" } + [
                "redis-server", "--port", "0", "--unixsocket", socketPath, "--dir", folder, "--save", "",
                // What is answered is written to the file, which is what a kill of the process leaves.
                "--appendonly", "yes", "--appendfsync", "no", "--aof-load-truncated", "yes",
                // Its thread waits for a time of day.
                "--jemalloc-bg-thread", "no", "--auto-aof-rewrite-percentage", "0", "--enable-debug-command", "yes",
                "--hz", "100",
            ] + more, folder: folder, log: "log")
        running.withLock { $0 = process }
        try await eventually(else: "redis-server does not start: \(process.logEnd)") {
            guard process.isRunning else {
                throw DrivenServer.Unusable("redis-server ended: \(process.logEnd)")
            }
            return FileManager.default.fileExists(atPath: socketPath)
        }
    }

    func kill() async throws {
        try await running.withLock(\.self)?.end(with: SIGKILL)
        try? FileManager.default.removeItem(atPath: socketPath)
    }
}

extension RedisClientOptions {
    /// That a machine busy with others runs Redis late, or a command waits in a proxy, is no fault there.
    static let patient: RedisClientOptions = {
        var options = RedisClientOptions()
        options.commandDeadline = .seconds(60)
        options.overallDeadline = .seconds(60)
        options.backgroundDeadline = .seconds(60)
        options.reconnectPauseMost = .milliseconds(20)
        return options
    }()
}
