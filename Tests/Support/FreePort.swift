import NIOCore
import NIOPosix
import Synchronization

package enum FreePort {
    /// Below those the kernel gives to connections, which would take the port of a server that is down for a while.
    private static let range = 10_000..<32_000
    private static let given = Mutex<Set<Int>>([])

    /// A TCP port of the loopback interface nobody listens on at this moment, given to nobody else in this process.
    package static func next() async throws -> Int {
        for _ in 0..<1_000 {
            let port = Int.random(in: range)
            if given.withLock({ $0.insert(port).inserted }), await isFree(port) { return port }
        }
        throw TimedOut(description: "no free port")
    }

    private static func isFree(_ port: Int) async -> Bool {
        let listener = try? await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .bind(host: "127.0.0.1", port: port).get()
        try? await listener?.close()
        return listener != nil
    }
}
