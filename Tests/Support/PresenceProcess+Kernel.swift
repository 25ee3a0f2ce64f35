import Foundation
import Glibc

/// What the kernel knows of a worker.
extension PresenceProcess {
    /// What is open: sockets above all.
    package nonisolated var descriptors: Int {
        get throws { try FileManager.default.contentsOfDirectory(atPath: "/proc/\(child.pid)/fd").count }
    }

    /// Connections to its port that it still holds.
    package nonisolated var connections: Int {
        get throws { try connections { _ in true } }
    }

    /// Whether it still holds the connection of a client with this port.
    package nonisolated func holdsConnection(from port: Int) throws -> Bool {
        try connections { $0.hasSuffix(Self.inTable(port)) } > 0
    }

    private nonisolated func connections(from isWanted: (_ remote: Substring) -> Bool) throws -> Int {
        let table = try Self.read("/proc/net/tcp")
        return table.split(separator: "\n").count { line in
            let columns = line.split(separator: " ")
            let (isListening, isLetGo) = (columns[3] == "0A", columns[9] == "0")
            return columns[1].hasSuffix(Self.inTable(port)) && isWanted(columns[2]) && !isListening && !isLetGo
        }
    }

    /// A file of the kernel's says that it is empty, and is read page by page; Foundation stops behind the first.
    private static func read(_ path: String) throws -> String {
        let file = open(path, O_RDONLY)
        guard file >= 0 else { throw TimedOut(description: "\(path) cannot be opened") }
        defer { close(file) }
        var bytes: [UInt8] = []
        var page = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = Glibc.read(file, &page, page.count), count > 0 { bytes += page[..<count] }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func inTable(_ port: Int) -> String {
        let hexadecimal = String(port, radix: 16, uppercase: true)
        return ":" + String(repeating: "0", count: 4 - hexadecimal.count) + hexadecimal
    }

    /// Resident.
    package nonisolated var memoryBytes: Int {
        get throws {
            let status = try String(contentsOfFile: "/proc/\(child.pid)/status", encoding: .utf8)
            guard let kilobytes = status.firstMatch(of: /VmRSS:\s+(\d+)/).flatMap({ Int($0.1) }) else {
                throw TimedOut(description: "no resident memory in \(status)")
            }
            return kilobytes * 1024
        }
    }
}
