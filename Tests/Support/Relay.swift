import Foundation

/// Passes connections on to a server on loopback, and counts them. Each direction ends by itself, so a server that
/// lingers after a refusal is seen to.
package struct Relay: Sendable {
    package let port: Int
    private let process: ChildProcess

    /// Connections that were opened so far.
    package var connections: Int { process.log.matches(of: /connection\n/).count }

    /// Runs the body beside a relay to the server on this port.
    package static func withRelay<Result: Sendable>(
        to port: Int, body: (Relay) async throws -> Result
    ) async throws -> Result {
        let folder = try temporaryFolder("relay")
        defer { removeFolder(folder) }
        let process = try ChildProcess(["node", "--eval", program, "\(port)"], folder: folder, log: "log")
        do {
            var own: Int?
            try await eventually(else: "the relay does not listen: \(process.log)") {
                own = process.log.firstMatch(of: /listening (\d+)\n/).flatMap { Int($0.1) }
                return own != nil
            }
            let result = try await body(Relay(port: own ?? 0, process: process))
            try await process.end(with: SIGKILL)
            return result
        } catch {
            try? await process.end(with: SIGKILL)
            throw error
        }
    }

    private static let program = """
        const server = require("net").createServer({ allowHalfOpen: true }, (client) => {
            console.log("connection");
            const end = { port: process.argv[1], host: "127.0.0.1", allowHalfOpen: true };
            const worker = require("net").connect(end);
            client.pipe(worker).pipe(client);
            client.on("error", () => worker.destroy());
            worker.on("error", () => client.destroy());
        });
        server.listen(0, "127.0.0.1", () => console.log("listening " + server.address().port));
        """
}
