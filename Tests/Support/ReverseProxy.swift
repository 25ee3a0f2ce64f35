import Foundation
import NIOCore
import NIOPosix

/// A real reverse proxy in front of a worker, configured as the documentation says, with its Debian package's timeouts.
package enum ReverseProxy: CaseIterable, Sendable {
    case nginx
    case haproxy

    /// Runs the body beside the proxy.
    /// - Parameters:
    ///   - configuration: what the documentation prints for it; only the ports differ.
    ///   - workerPort: of the worker it sends requests to.
    package func with<Result: Sendable>(
        _ configuration: String, workerPort: Int, body: (_ port: Int) async throws -> Result
    ) async throws -> Result {
        let folder = try temporaryFolder("\(self)")
        defer { removeFolder(folder) }
        let port = try await FreePort.next()
        let text =
            configuration
            .replacing("127.0.0.1:8080", with: "127.0.0.1:\(workerPort)")
            .replacing(/(listen|bind) :?80\b/) { "\($0.1) 127.0.0.1:\(port)" }
        try text.write(toFile: "\(folder)/presence.conf", atomically: true, encoding: .utf8)
        let process = try ChildProcess(try words(folder), folder: folder, log: "log")
        do {
            try await eventually(else: "\(self) does not listen: \(process.logEnd)") {
                guard process.isRunning else {
                    throw TimedOut(description: "\(self) ended: \(process.logEnd)")
                }
                return await FreePort.isTaken(port)
            }
            let result = try await body(port)
            try await process.end(with: SIGKILL)
            return result
        } catch {
            try? await process.end(with: SIGKILL)
            throw error
        }
    }

    /// What starts it, as one process in the foreground.
    private func words(_ folder: String) throws -> [String] {
        switch self {
        case .nginx:
            let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map { "\($0)_temp_path \($0);" }
            let whole = """
                daemon off;
                master_process off;
                pid nginx.pid;
                events {}
                http {
                    access_log off;
                    \(temporary.joined(separator: " "))
                    include presence.conf;
                }
                """
            try whole.write(toFile: "\(folder)/nginx.conf", atomically: true, encoding: .utf8)
            return ["nginx", "-p", folder, "-c", "nginx.conf", "-e", "stderr"]
        case .haproxy:
            // Of what Debian installs only the defaults: its global section is for a daemon.
            let installed = try String(contentsOfFile: "/etc/haproxy/haproxy.cfg", encoding: .utf8)
            guard let defaults = installed.firstRange(of: "\ndefaults") else {
                throw TimedOut(description: "/etc/haproxy/haproxy.cfg has no defaults: install Debian's package again")
            }
            try installed[defaults.lowerBound...]
                .write(toFile: "\(folder)/defaults.cfg", atomically: true, encoding: .utf8)
            return ["haproxy", "-db", "-f", "\(folder)/defaults.cfg", "-f", "\(folder)/presence.conf"]
        }
    }
}

extension FreePort {
    /// Somebody listens there on loopback.
    fileprivate static func isTaken(_ port: Int) async -> Bool {
        let channel = try? await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .connect(host: "127.0.0.1", port: port).get()
        try? await channel?.close()
        return channel != nil
    }
}
