import Foundation

/// The time of day of the programs that are started with its environment: the machine's, until something else is said.
package struct PreloadedClock: Sendable {
    package let environment: [String: String]
    private let said: FileHandle

    /// - Parameters:
    ///   - folder: where the library that is preloaded goes, one for all clocks there, and what is said.
    ///   - name: which of those clocks it is.
    package init(in folder: String, name: String = "clock") async throws {
        let library = "\(folder)/preloaded_clock.so"
        if !FileManager.default.fileExists(atPath: library) { try await Self.compile(to: library, in: folder) }
        let file = "\(folder)/\(name)"
        try Data(count: 16).write(to: URL(filePath: file))
        said = try FileHandle(forUpdating: URL(filePath: file))
        environment = ["LD_PRELOAD": library, "PRESENCE_PRELOADED_CLOCK": file]
    }

    private static func compile(to library: String, in folder: String) async throws {
        let source = Repository.root.appending(path: "Tests/Support/preloaded_clock.c").path
        let compile = "cc -shared -fPIC -O2 -o \"$1\" \"$0\" || clang -shared -fPIC -O2 -o \"$1\" \"$0\""
        let compiler = try ChildProcess(["sh", "-c", compile, source, library], folder: folder, log: "cc.log")
        try await eventually(else: "the compiler does not end") { !compiler.isRunning }
        guard compiler.exitStatus == 0 else { throw TimedOut(description: "no clock: \(compiler.log)") }
    }

    /// From now on it stands at this time, in milliseconds since 1970.
    package func stand(atMs ms: Int) throws { try say(Int64(ms) * 1_000, at: 0) }

    /// From now on it is so far ahead.
    package func shift(by duration: Duration) throws { try say(Int64(duration / .microseconds(1)), at: 8) }

    /// In place: programs have the file in their memory.
    private func say(_ microseconds: Int64, at offset: UInt64) throws {
        try said.seek(toOffset: offset)
        try said.write(contentsOf: withUnsafeBytes(of: microseconds) { Data($0) })
    }
}
