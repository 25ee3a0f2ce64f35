import Foundation
import Logging
import Logs
import NIOCore
import NIOPosix
import PresenceCore
import RedisClient
import Subprocess
import Synchronization

/// The private redis-server of a service that was given none: reachable only through a socket in its folder,
/// keeping its data there in an append-only file, started again should it die.
///
/// Killing the service with SIGKILL leaves the server running; the next start in the same folder replaces it.
final class EmbeddedRedis: Sendable {
    /// The longest path the kernel takes for a socket.
    private static let socketPathBytesMax = 107
    /// How long the server may take to write what it has in memory and end.
    private static let stopWithin: Duration = .seconds(10)
    private static let answerPollInterval: Duration = .milliseconds(10)
    private static let restartPauseFirst: Duration = .milliseconds(100)
    private static let restartPauseMost: Duration = .seconds(5)

    private let folder: String
    private let logger: Logger
    private let hasEnded = Atomic(false)

    private init(folder: String, logger: Logger) {
        self.folder = folder
        self.logger = logger
    }

    /// Where the private server of a folder listens.
    static func endpoint(in folder: String) -> RedisEndpoint {
        RedisEndpoint(servers: .single(.unix(path: URL(fileURLWithPath: folder).path + "/redis.sock")))
    }

    /// Runs the body beside a private server that has loaded its data and answers; stops the server afterwards.
    /// - Throws: `StartError` if the folder or redis-server cannot be used, otherwise what the body throws.
    static func run<Result>(
        in folder: String, logger: Logger, body: (RedisEndpoint) async throws -> Result
    ) async throws -> Result {
        let redis = EmbeddedRedis(folder: URL(fileURLWithPath: folder).path, logger: logger)
        let lock = try redis.lockFolder()
        defer {
            // A child that was forked just now holds a copy of the file, until it becomes another program.
            flock(lock, LOCK_UN)
            close(lock)
        }
        guard (try? await Executable.name("redis-server").resolveExecutablePath(in: .inherit)) != nil else {
            throw StartError(.unavailable, "There is no redis-server on PATH: install redis-server, or set redis.url.")
        }
        try await redis.stopOrphan()
        return try await withThrowingTaskGroup { group in
            group.addTask { await redis.supervise() }
            defer { group.cancelAll() }
            try await redis.untilAnswering()
            return try await body(endpoint(in: folder))
        }
    }

    private var socket: String { folder + "/redis.sock" }

    /// Creates the folder and claims it for this process.
    /// - Returns: the file descriptor that holds the claim. It is closed on exec, or an orphan would keep it.
    private func lockFolder() throws(StartError) -> Int32 {
        guard socket.utf8.count <= Self.socketPathBytesMax else {
            throw StartError(
                .configuration,
                "\(socket) is longer than the \(Self.socketPathBytesMax) bytes a socket may have: "
                    + "set state.folder to a shorter path.")
        }
        do {
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw unusable(error)
        }
        let file = open(folder + "/lock", O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw unusable(nil) }
        guard flock(file, LOCK_EX | LOCK_NB) == 0 else {
            close(file)
            throw StartError(
                .unavailable,
                "Another presence serve runs in \(folder): stop it, or give this one its own state.folder or redis.url."
            )
        }
        return file
    }

    private func unusable(_ error: (any Error)?) -> StartError {
        StartError(
            .unavailable, "\(folder) cannot be written: set state.folder to a folder that can, or set redis.url.",
            underlying: error)
    }

    /// A server that answers although the folder was free belonged to a service that was killed.
    private func stopOrphan() async throws {
        let deadline = ContinuousClock.now + Self.stopWithin
        while await ask("SHUTDOWN", before: deadline) != nil {
            guard ContinuousClock.now < deadline else {
                throw StartError(
                    .unavailable, "An older redis-server in \(folder) does not stop: end it, see \(folder)/redis.log.")
            }
            try await Task.sleep(for: Self.answerPollInterval)
        }
    }

    /// Waits for the server to have loaded its data, however long that takes, unless it ends instead.
    private func untilAnswering() async throws {
        while await ask("PING", before: .now + Self.stopWithin) != "+PONG\r\n" {
            if hasEnded.load(ordering: .relaxed) {
                throw StartError(.unavailable, "redis-server does not start: see \(folder)/redis.log for the reason.")
            }
            try await Task.sleep(for: Self.answerPollInterval)
        }
    }

    /// Keeps a server running until the task is cancelled, then ends it and waits for its end.
    private func supervise() async {
        var backoff = Backoff(first: Self.restartPauseFirst, most: Self.restartPauseMost)
        while !Task.isCancelled {
            let started = ContinuousClock.now
            let end = await serverEnd()
            if Task.isCancelled { return }
            hasEnded.store(true, ordering: .relaxed)
            if started.duration(to: .now) > Self.restartPauseMost { backoff.reset() }
            logger.error(
                "The private Redis ended; starting it again",
                metadata: .keyed([.error: "\(end)", .stateFolder: "\(folder)"]))
            try? await Task.sleep(for: backoff.next())
        }
    }

    /// Runs a server until it ends and tells how it did.
    private func serverEnd() async -> String {
        var options = PlatformOptions()
        // A session of its own, so that Ctrl-C reaches the service alone.
        options.createSession = true
        options.teardownSequence = [.gracefulShutDown(allowedDurationToNextStep: Self.stopWithin)]
        do {
            let result = try await Subprocess.run(
                .name("redis-server"), arguments: Arguments(serverArguments), platformOptions: options,
                output: .discarded, error: .discarded)
            return "\(result.terminationStatus)"
        } catch {
            return "\(error)"
        }
    }

    private var serverArguments: [String] {
        [
            "--port", "0", "--unixsocket", socket, "--unixsocketperm", "700", "--daemonize", "no",
            "--dir", folder, "--logfile", folder + "/redis.log", "--save", "", "--appendonly", "yes",
            "--appendfsync", "everysec", "--maxmemory-policy", "noeviction", "--notify-keyspace-events", "Kxt",
            // A user with sessions is a small hash: above the default of 64 bytes a record takes a quarter more memory.
            "--hash-max-listpack-value", "1024",
        ]
    }

    /// Sends one command on a connection of its own.
    /// - Returns: what came back first, empty if nothing did before the end of the connection or the deadline;
    ///   nil if nobody listens.
    private func ask(_ command: String, before deadline: ContinuousClock.Instant) async -> String? {
        let connection = try? await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(unixDomainSocketPath: socket) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        guard let connection else { return nil }
        let channel = connection.channel
        let timeout = channel.eventLoop.scheduleTask(in: TimeAmount(ContinuousClock.now.duration(to: deadline))) {
            channel.close(promise: nil)
        }
        defer { timeout.cancel() }
        return try? await connection.executeThenClose { replies, commands in
            try await commands.write(ByteBuffer(string: command + "\r\n"))
            for try await reply in replies { return String(buffer: reply) }
            return ""
        }
    }
}
