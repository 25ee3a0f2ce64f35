import Foundation

/// A network of its own, for programs that are to lose it: one link joins it to this machine.
///
/// Should the test process die, it ends with the last program in it. Making one takes root.
package struct NetworkNamespace: Sendable {
    /// This machine's address on the link; what listens on it is reached from within.
    package let hostAddress: String
    private let insideAddress: String
    /// This machine's end of the link.
    private let link: String
    private let holder: ChildProcess
    private let folder: String

    /// Runs the body beside a namespace whose link is up.
    package static func withNamespace<Result: Sendable>(
        body: (NetworkNamespace) async throws -> Result
    ) async throws -> Result {
        let folder = try temporaryFolder("network")
        defer { removeFolder(folder) }
        let network = try NetworkNamespace(folder: folder)
        do {
            try await network.open()
            let result = try await body(network)
            try await network.close()
            return result
        } catch {
            try? await network.close()
            throw error
        }
    }

    /// The link gets a /30 of 198.18.0.0/15, which is set aside for tests of networks.
    private init(folder: String) throws {
        let number = Int.random(in: 0..<1 << 15)
        let prefix = "198.\(18 + number >> 14).\(number >> 6 & 255)."
        hostAddress = prefix + "\(number << 2 & 255 | 1)"
        insideAddress = prefix + "\(number << 2 & 255 | 2)"
        link = "presence\(number)"
        holder = try ChildProcess(["unshare", "--net", "sleep", "infinity"], folder: folder, log: "holder.log")
        self.folder = folder
    }

    private func open() async throws {
        try await eventually(else: "no network namespace is made") {
            guard holder.isRunning else {
                throw TimedOut(description: "no network namespace can be made, run the tests as root: \(holder.log)")
            }
            return try Self.namespace("\(holder.pid)") != Self.namespace("self")
        }
        try await run(
            ["ip", "link", "add", link, "type", "veth", "peer", "name", "inside", "netns", "\(holder.pid)"])
        try await run(["ip", "address", "add", "\(hostAddress)/30", "dev", link])
        try await run(["ip", "link", "set", link, "up"])
        try await run(inside(["ip", "address", "add", "\(insideAddress)/30", "dev", "inside"]))
        try await join()
    }

    /// A connection that waits for an answer would keep the link for a while; it is not there if `open` failed.
    private func close() async throws {
        try? await run(["ip", "link", "delete", link])
        try await holder.end(with: SIGKILL)
    }

    /// The words that run a program inside.
    package func inside(_ words: [String]) -> [String] { ["nsenter", "--net=/proc/\(holder.pid)/ns/net"] + words }

    /// Cuts the link: nothing passes any more, and neither end is told.
    package func cut() async throws { try await run(inside(["ip", "link", "set", "inside", "down"])) }

    /// Joins the link again.
    package func join() async throws { try await run(inside(["ip", "link", "set", "inside", "up"])) }

    private func run(_ words: [String]) async throws {
        let command = try ChildProcess(words, folder: folder, log: "commands.log")
        try await eventually(else: "\(words) does not end") { !command.isRunning }
        guard command.exitStatus == 0 else {
            throw TimedOut(description: "\(words.joined(separator: " ")) failed, is this root? \(command.log)")
        }
    }

    private static func namespace(_ process: String) throws -> String {
        try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(process)/ns/net")
    }
}
