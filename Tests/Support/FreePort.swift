import NIOCore
import NIOPosix

package enum FreePort {
    /// A TCP port of the loopback interface nobody listens on at this moment.
    package static func next() async throws -> Int {
        let listener = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .bind(host: "127.0.0.1", port: 0).get()
        let port = listener.localAddress?.port
        try await listener.close()
        guard let port else { throw TimedOut(description: "no free port") }
        return port
    }
}
