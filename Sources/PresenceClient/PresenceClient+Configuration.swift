import Foundation
import NIOCore
import NIOPosix
import NIOSSL
import PresenceProtocol

extension PresenceClient {
    /// Who connects, from which device, where to, and how stubbornly.
    public struct Configuration: Sendable {
        /// Where the service listens.
        let server: ServerAddress
        public var user: String
        /// A platform the service knows: Android, iPhone, iPad, Windows, Mac, Linux, Web, MiniProgram or one of its own.
        public var platform: String
        /// The device's own, stable id; without one all devices of a platform are taken for the same.
        public var instance: String?
        /// A usersig or JWT of the user, asked for at every connect and sent in a message, so that it ends in no log.
        /// nil where the service asks for none. What it throws, an empty token, or none for 10 s is a failed attempt to
        /// connect: it is asked again after the pause. One the service does not accept is final.
        public var token: (@Sendable () async throws -> String)?
        /// A session to resume, as an earlier client was told by `connected`.
        public var session: String?
        /// The app's version and the device's network, for the operators to see.
        public var version: String?
        public var network: String?
        /// The pause before coming back is random: from `pauseMin` to twice that, and both bounds double with every
        /// failure, up to `pauseMax`.
        public var pauseMin: Duration = ClientRules.pauseFirst / 2
        public var pauseMax: Duration = ClientRules.pauseMost
        /// Instead of the interval the service asks for; for tests and load.
        public var heartbeatInterval: Duration?
        /// What the certificate of a `wss://` server is checked with; nil for the system's certificates.
        public var tls: NIOSSLContext?
        /// The source address to connect from.
        public var localAddress: SocketAddress?
        public var eventLoopGroup: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton

        /// - Parameter url: `wss://host[:port][/path]`, port 443 without one; or `ws://`, port 80, where the network
        ///   may read along.
        /// - Throws: if the URL is not one of these.
        public init(url: String, user: String, platform: String) throws(PresenceClientError) {
            server = try ServerAddress(url)
            self.user = user
            self.platform = platform
        }
    }
}

/// A parsed `ws://` or `wss://` URL.
struct ServerAddress: Sendable {
    let isSecure: Bool
    let host: String
    let port: Int
    /// Host and port as the Host header names them.
    let authority: String
    /// What stands before `/v1/connect`.
    let path: String

    init(_ url: String) throws(PresenceClientError) {
        guard let parts = URLComponents(string: url), parts.scheme == "ws" || parts.scheme == "wss",
            let host = parts.host, !host.isEmpty
        else {
            throw PresenceClientError(
                .invalidConfiguration, "\"\(url)\" is no URL of the form wss://host[:port] or ws://host[:port].")
        }
        isSecure = parts.scheme == "wss"
        self.host = host.trimmingCharacters(in: ["[", "]"])
        port = parts.port ?? (isSecure ? 443 : 80)
        authority = "\(host):\(port)"
        path = parts.path.hasSuffix("/") ? String(parts.path.dropLast()) : parts.path
    }
}

extension PresenceClient.Configuration {
    /// Path and query of the request that connects.
    func target(resuming session: String?, attempt: String) -> String {
        ConnectQuery.target(
            under: server.path,
            [
                (.user, user), (.platform, platform), (.instance, instance), (.attempt, attempt), (.session, session),
                (.version, version), (.network, network),
            ])
    }
}
