import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// A TCP proxy in front of a server on loopback, which fails on demand.
package final class FaultProxy: Sendable {
    private enum Mode {
        case pass
        case stall
        case refuse
    }

    private struct State {
        var mode = Mode.pass
        /// Of the server new connections go to.
        var serverPort: Int
        /// Connections that forward nothing any more, not even their end.
        var frozen: Set<ObjectIdentifier> = []
        /// Chunks of replies that still pass before one is cut; nil while none will be.
        var chunksUntilCut: Int?
        /// A request with this text has its reply cut.
        var textToCut: String?
        /// So has every other that comes after it.
        var cutsOn = false
        /// Connections such a request went through.
        var cutting: Set<ObjectIdentifier> = []
        var channels: [ObjectIdentifier: any Channel] = [:]
        /// How long what the server sends is held up.
        var delay = Duration.zero
    }

    private typealias Connection = NIOAsyncChannel<ByteBuffer, ByteBuffer>

    package let port: Int
    private let listener: NIOAsyncChannel<any Channel, Never>
    private let state: Mutex<State>

    package var url: String { "redis://127.0.0.1:\(port)" }

    private init(listener: NIOAsyncChannel<any Channel, Never>, serverPort: Int) throws {
        guard let port = listener.channel.localAddress?.port else {
            throw TimedOut(description: "the proxy got no port")
        }
        self.listener = listener
        self.port = port
        state = Mutex(State(serverPort: serverPort))
    }

    /// Runs the body beside a proxy to the server on this port.
    /// - Parameter certificate: to terminate TLS with.
    package static func withProxy<Result: Sendable>(
        to port: Int, certificate: TestCertificate? = nil, body: (FaultProxy) async throws -> Result
    ) async throws -> Result {
        let tls = try certificate?.serverContext
        let listener = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            // Nothing is read before somebody is there to relay it.
            .childChannelOption(.autoRead, value: false)
            .bind(host: "127.0.0.1", port: 0) { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls { try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls)) }
                    return channel
                }
            }
        let proxy = try FaultProxy(listener: listener, serverPort: port)
        return try await withThrowingTaskGroup { group in
            group.addTask { try await proxy.serve() }
            defer { group.cancelAll() }
            return try await body(proxy)
        }
    }

    /// Forwards everything from now on. Connections that missed bytes are closed.
    package func pass() {
        let wasStalled = state.withLock { state in
            defer { state.mode = .pass }
            return state.mode == .stall
        }
        if wasStalled { closeAll() }
    }

    /// Keeps connections open and forwards nothing.
    package func stall() {
        state.withLock { $0.mode = .stall }
    }

    /// Closes all connections, and new ones as soon as they open.
    package func refuse() {
        state.withLock { $0.mode = .refuse }
        closeAll()
    }

    /// Holds up all that the server sends, for so long; `zero` for not at all.
    package func delay(_ pause: Duration) {
        state.withLock { $0.delay = pause }
    }

    /// Sends new connections to the server on another port, as a load balancer does when one is gone.
    package func redirect(to port: Int) {
        state.withLock { $0.serverPort = port }
    }

    /// Keeps the connections there are open and forwards nothing on them, not even that a side has closed. New ones
    /// pass.
    package func freeze() {
        state.withLock { $0.frozen = Set($0.channels.keys) }
    }

    /// Closes the frozen connections.
    package func closeFrozen() {
        let frozen = state.withLock { state in
            defer { state.frozen = [] }
            return state.frozen.compactMap { state.channels[$0] }
        }
        for channel in frozen { channel.close(promise: nil) }
    }

    /// Lets so many reads from the server pass, drops the next and closes its connection. Once.
    package func cutReplies(after chunks: Int) {
        state.withLock { $0.chunksUntilCut = chunks }
    }

    /// Forwards the next request that contains the text, drops its reply and closes the connection. Once.
    package func cutReplyOnce(whenRequestContains text: String) { cutReplies(to: text, on: false) }

    /// The same with every such request while the body runs.
    package func cuttingReplies<Result>(
        whenRequestsContain text: String, body: () async throws -> Result
    ) async rethrows -> Result {
        cutReplies(to: text, on: true)
        defer { cutReplies(to: nil, on: false) }
        return try await body()
    }

    private func cutReplies(to text: String?, on: Bool) {
        state.withLock { ($0.textToCut, $0.cutsOn) = (text, on) }
    }

    /// Whether the cut that was asked for has not happened yet.
    package var isCutPending: Bool {
        state.withLock { $0.textToCut != nil || $0.chunksUntilCut != nil }
    }

    private func closeAll() {
        for channel in state.withLock({ Array($0.channels.values) }) { channel.close(promise: nil) }
    }

    private func serve() async throws {
        try await listener.executeThenClose { connections in
            try await withThrowingDiscardingTaskGroup { group in
                for try await connection in connections {
                    group.addTask { try? await self.relay(connection) }
                }
            }
        }
    }

    private func relay(_ channel: any Channel) async throws {
        guard state.withLock({ $0.mode != .refuse }) else { return try await channel.close() }
        let client = try await channel.eventLoop.submit {
            let client = try Connection(wrappingChannelSynchronously: channel)
            try channel.syncOptions?.setOption(.autoRead, value: true)
            return client
        }.get()
        let id = ObjectIdentifier(client.channel)
        let serverPort = state.withLock { state in
            state.channels[id] = client.channel
            return state.serverPort
        }
        defer { forget(id) }
        try await client.executeThenClose { requests, toClient in
            let server = try await ClientBootstrap(group: client.channel.eventLoop)
                .connect(host: "127.0.0.1", port: serverPort) { channel in
                    channel.eventLoop.makeCompletedFuture { try Connection(wrappingChannelSynchronously: channel) }
                }
            try await server.executeThenClose { replies, toServer in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        for try await bytes in requests where self.forwardsRequest(bytes, of: id) {
                            try await toServer.write(bytes)
                        }
                    }
                    group.addTask {
                        for try await bytes in replies where try self.forwardsReply(of: id) {
                            let delay = self.state.withLock(\.delay)
                            if delay > .zero { try await Task.sleep(for: delay) }
                            try await toClient.write(bytes)
                        }
                    }
                    defer { group.cancelAll() }
                    // The first side that ends ends the other.
                    let end = await group.nextResult()
                    try await eventually(timeout: .seconds(60), else: "frozen for good") { !self.isFrozen(id) }
                    try end?.get()
                }
            }
        }
    }

    private func isFrozen(_ id: ObjectIdentifier) -> Bool {
        state.withLock { $0.frozen.contains(id) }
    }

    private func forget(_ id: ObjectIdentifier) {
        state.withLock { state in
            state.channels[id] = nil
            state.cutting.remove(id)
            state.frozen.remove(id)
        }
    }

    private func forwardsRequest(_ bytes: ByteBuffer, of id: ObjectIdentifier) -> Bool {
        state.withLock { state in
            guard state.mode == .pass, !state.frozen.contains(id) else { return false }
            if let text = state.textToCut, String(buffer: bytes).contains(text) {
                if !state.cutsOn { state.textToCut = nil }
                state.cutting.insert(id)
            }
            return true
        }
    }

    /// - Throws: when the reply is to be cut, which ends the connection.
    private func forwardsReply(of id: ObjectIdentifier) throws -> Bool {
        try state.withLock { state in
            if state.cutting.contains(id) { throw CancellationError() }
            if state.chunksUntilCut == 0 {
                state.chunksUntilCut = nil
                throw CancellationError()
            }
            state.chunksUntilCut? -= 1
            return state.mode == .pass && !state.frozen.contains(id)
        }
    }
}
