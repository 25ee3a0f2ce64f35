import Foundation

/// A process of a test. It ends with the test process should that die first.
package final class ChildProcess: Sendable {
    package let pid: Int32
    /// Standard output and error go here.
    package let logPath: String
    private let process: Process

    /// - Parameter folder: removed when this process and the test are gone.
    package init(_ command: [String], folder: String, log: String) throws {
        process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = command
        logPath = "\(folder)/\(log)"
        guard FileManager.default.createFile(atPath: logPath, contents: nil),
            let output = FileHandle(forWritingAtPath: logPath)
        else {
            throw TimedOut(description: "cannot write \(logPath)")
        }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = output
        try process.run()
        pid = process.processIdentifier
        try watch(folder: folder)
    }

    package var isRunning: Bool { process.isRunning }
    package var exitStatus: Int32 { process.terminationStatus }
    package var log: String { (try? String(contentsOfFile: logPath, encoding: .utf8)) ?? "" }

    package func signal(_ number: Int32) {
        if process.isRunning { kill(pid, number) }
    }

    /// Sends a signal and waits for the end; a stopped process is continued first.
    package func end(with number: Int32, timeout: Duration = .seconds(15)) async throws {
        signal(SIGCONT)
        signal(number)
        try await eventually(timeout: timeout, else: "process \(pid) does not end: \(log.suffix(500))") { !isRunning }
    }

    private func watch(folder: String) throws {
        let watcher = Process()
        watcher.executableURL = URL(filePath: "/bin/sh")
        watcher.arguments = [
            "-c",
            """
            while kill -0 "$0" && kill -0 "$1"; do sleep 1; done
            kill -0 "$0" || { kill -9 "$1"; rm -rf "$2"; }
            """, "\(ProcessInfo.processInfo.processIdentifier)", "\(pid)", folder,
        ]
        watcher.standardError = FileHandle.nullDevice
        watcher.standardOutput = FileHandle.nullDevice
        try watcher.run()
    }
}

/// A fresh folder below the system's temporary one.
package func temporaryFolder(_ name: String) throws -> String {
    let folder = FileManager.default.temporaryDirectory.appending(path: "\(name)-\(UUID().uuidString.prefix(8))").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    return folder
}

package func removeFolder(_ folder: String) { try? FileManager.default.removeItem(atPath: folder) }
