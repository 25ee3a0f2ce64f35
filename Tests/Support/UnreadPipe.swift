import Foundation

/// A pipe a program can write to by its path, whose reader reads only when told. It takes one page.
package final class UnreadPipe: Sendable {
    package let path: String
    private let reader: CInt
    private let null = open("/dev/null", O_RDONLY)

    /// F_SETPIPE_SZ of fcntl(2), which Glibc hides from Swift.
    private static let setPipeSize: CInt = 1_031

    package init(in folder: String) throws {
        path = "\(folder)/pipe"
        mkfifo(path, 0o600)
        reader = open(path, O_RDONLY | O_NONBLOCK)
        guard reader >= 0 else { throw TimedOut(description: "no pipe at \(path)") }
        _ = fcntl(reader, Self.setPipeSize, 4_096)
    }

    deinit {
        close(reader)
        close(null)
    }

    /// Nobody reads it from now on, or ever.
    package func end() { _ = dup2(null, reader) }

    /// Starts a program that has it for its standard error.
    package func child(_ words: [String], folder: String) throws -> ChildProcess {
        try ChildProcess(["sh", "-c", #"exec "$@" 2>"$0""#, path] + words, folder: folder, log: "output")
    }

    /// What is in it, which makes room.
    package func read() -> String {
        var text: [UInt8] = []
        var bytes = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = Foundation.read(reader, &bytes, bytes.count)
            guard count > 0 else { return String(decoding: text, as: UTF8.self) }
            text += bytes.prefix(count)
        }
    }

    /// Leaves no room in it.
    package func fill() {
        let writer = open(path, O_WRONLY | O_NONBLOCK)
        defer { close(writer) }
        while write(writer, "x", 1) == 1 {}
    }
}
