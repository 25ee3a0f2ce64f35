import Foundation
import Synchronization

/// A program a test started. It ends with the test process should that die first, and the processes it started
/// with it if it leads a process group of its own.
package final class ChildProcess: Sendable {
    package let pid: pid_t
    /// Standard output and error go here.
    private let logPath: String
    private let status = Mutex<Int32?>(nil)

    /// - Parameters:
    ///   - folder: where the log goes; removed when this process and the test are gone.
    ///   - log: the log's name in the folder.
    package init(_ words: [String], folder: String, log: String) throws {
        logPath = "\(folder)/\(log)"
        pid = try Self.spawn(words, output: logPath)
        let watcher = """
            while kill -0 "$0" && kill -0 "$1"; do sleep 1; done
            kill -0 "$0" || { kill -9 "-$1" || kill -9 "$1"; rm -rf "$2"; }
            """
        // In a session of its own: what ends the test's whole process group, such as Ctrl-C, leaves it at work.
        _ = try Self.spawn(["setsid", "sh", "-c", watcher, "\(getpid())", "\(pid)", folder], output: "/dev/null")
    }

    package var log: String { (try? String(contentsOfFile: logPath, encoding: .utf8)) ?? "" }

    /// What it wrote last; of one that crashed all from there on.
    package var logEnd: Substring {
        let log = log
        return log.range(of: "*** Program crashed").map { log[$0.lowerBound...] } ?? log.suffix(1000)
    }

    package var isRunning: Bool { exitStatus == nil }

    /// The status the program ended with, 128 + n for signal n; nil while it runs.
    package var exitStatus: Int32? {
        status.withLock { status in
            var word: CInt = 0
            if status == nil, waitpid(pid, &word, WNOHANG) == pid {
                status = word & 0x7F == 0 ? (word >> 8) & 0xFF : 128 + (word & 0x7F)
            }
            return status
        }
    }

    package func signal(_ number: CInt) {
        if isRunning { kill(pid, number) }
    }

    /// Sends a signal and waits for the end; a stopped program is continued first.
    package func end(with number: CInt, timeout: Duration = .seconds(60)) async throws {
        signal(SIGCONT)
        signal(number)
        try await eventually(timeout: timeout, else: "process \(pid) does not end: \(logEnd)") { !isRunning }
    }

    /// The program blocks no signals, which children of a thread of the concurrency pool otherwise do.
    private static func spawn(_ words: [String], output: String) throws -> pid_t {
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))

        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        // A listening socket that lives on in a child keeps accepting connections nobody serves.
        for descriptor in CInt(3)..<1024 { posix_spawn_file_actions_addclose(&actions, descriptor) }

        let arguments = words.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var pid = pid_t()
        let result = posix_spawnp(&pid, words[0], &actions, &attributes, arguments, environ)
        guard result == 0 else {
            throw TimedOut(
                description: "cannot start \(words[0]), is it installed? \(String(cString: strerror(result)))")
        }
        return pid
    }
}

/// A fresh folder below the system's temporary one.
package func temporaryFolder(_ name: String) throws -> String {
    let folder = FileManager.default.temporaryDirectory.appending(path: "\(name)-\(UUID().uuidString.prefix(8))").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    return folder
}

package func removeFolder(_ folder: String) { try? FileManager.default.removeItem(atPath: folder) }
