import NIOCore
import NIOHTTP1
import NIOPosix
import NIOWebSocket
import Synchronization

/// A server of the gateway's protocol that says exactly what a test has it say, and hears everything.
package struct ScriptedGateway: Sendable {
    /// What comes over a client's WebSocket.
    package enum Heard: Sendable, Equatable {
        case opened
        /// Of this `type`.
        case message(String)
        case ping
        case pong(String)
        /// 1005 for a close without a code, 1006 for an end without a close.
        case closed(Int)
    }

    /// Called on the event loop with what a socket hears, first that it is opened.
    package typealias Script = @Sendable (Socket, Heard) -> Void

    package let port: Int
    private let log: Log

    package var url: String { "ws://127.0.0.1:\(port)" }

    /// All that were opened, in their order.
    package var sockets: [Socket] { log.sockets.withLock { $0 } }

    /// Runs the body beside a server whose sockets follow the script.
    package static func with<Result: Sendable>(
        script: @escaping Script, body: (ScriptedGateway) async throws -> Result
    ) async throws -> Result {
        let log = Log()
        let listener = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let upgrade = NIOTypedHTTPServerUpgradeConfiguration<Void>(
                        upgraders: [upgrader(log, script)], notUpgradingCompletionHandler: { $0.close() })
                    _ = try channel.pipeline.syncOperations.configureUpgradableHTTPServerPipeline(
                        configuration: .init(upgradeConfiguration: upgrade))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let gateway = ScriptedGateway(port: listener.localAddress?.port ?? 0, log: log)
        defer {
            listener.close(promise: nil)
            for socket in gateway.sockets { socket.drop() }
        }
        return try await body(gateway)
    }

    private static func upgrader(_ log: Log, _ script: @escaping Script) -> NIOTypedWebSocketServerUpgrader<Void> {
        NIOTypedWebSocketServerUpgrader { channel, _ in
            channel.eventLoop.makeSucceededFuture([:])
        } upgradePipelineHandler: { channel, head in
            channel.eventLoop.makeCompletedFuture {
                let socket = log.sockets.withLock { sockets in
                    sockets.append(Socket(number: sockets.count + 1, target: head.uri, channel: channel))
                    return sockets[sockets.count - 1]
                }
                try channel.pipeline.syncOperations.addHandler(SocketHandler(socket, script))
            }
        }
    }

    private final class Log: Sendable {
        let sockets = Mutex<[Socket]>([])
    }
}

extension ScriptedGateway {
    /// One client's WebSocket, seen from the server.
    package final class Socket: Sendable {
        /// 1 for the first that was opened.
        package let number: Int
        /// Path and query of its request.
        package let target: String
        private let channel: any Channel
        private let log = Mutex<[Heard]>([])
        private let hasSentClose = Mutex(false)

        package var heard: [Heard] { log.withLock { $0 } }

        package var isClosed: Bool {
            heard.contains { if case .closed = $0 { true } else { false } }
        }

        package func count(_ what: Heard) -> Int { heard.count { $0 == what } }

        fileprivate init(number: Int, target: String, channel: any Channel) {
            self.number = number
            self.target = target
            self.channel = channel
        }

        package func welcome(intervalSeconds: Double = 25, timeoutSeconds: Double = 60, resumed: Bool = false) {
            send(
                """
                {"type":"welcome","session":"Web:one:g1","version":1,"resumed":\(resumed),\
                "heartbeat":{"intervalSeconds":\(intervalSeconds),"timeoutSeconds":\(timeoutSeconds)}}
                """)
        }

        package func send(_ text: String) { write(.text, ByteBuffer(string: text)) }
        package func ping(_ text: String) { write(.ping, ByteBuffer(string: text)) }
        package func pong() { write(.pong, ByteBuffer()) }
        /// Only the first close frame is sent.
        package func close(_ code: UInt16, _ reason: String = "") {
            let isSecond = hasSentClose.withLock { hasSent in
                defer { hasSent = true }
                return hasSent
            }
            if isSecond { return }
            var data = ByteBuffer(integer: code)
            data.writeString(reason)
            write(.connectionClose, data)
        }
        /// Ends the connection without a close frame.
        package func drop() { channel.close(promise: nil) }

        fileprivate func record(_ what: Heard) { log.withLock { $0.append(what) } }

        private func write(_ opcode: WebSocketOpcode, _ data: ByteBuffer) {
            channel.writeAndFlush(WebSocketFrame(fin: true, opcode: opcode, data: data), promise: nil)
        }
    }

    private final class SocketHandler: ChannelInboundHandler {
        typealias InboundIn = WebSocketFrame

        private let socket: Socket
        private let script: Script

        init(_ socket: Socket, _ script: @escaping Script) {
            self.socket = socket
            self.script = script
        }

        func handlerAdded(context: ChannelHandlerContext) { hear(.opened) }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let frame = unwrapInboundIn(data)
            var data = frame.unmaskedData
            switch frame.opcode {
            case .text: hear(.message((try? JSON(parsing: String(buffer: data)))?["type"].string ?? ""))
            case .ping: hear(.ping)
            case .pong: hear(.pong(String(buffer: data)))
            case .connectionClose:
                let code: UInt16 = data.readInteger() ?? 1005
                hear(.closed(Int(code)))
                socket.close(code == 1005 ? 1000 : code)
                context.close(promise: nil)
            default: break
            }
        }

        func channelInactive(context: ChannelHandlerContext) {
            if !socket.isClosed { hear(.closed(1006)) }
        }

        private func hear(_ what: Heard) {
            socket.record(what)
            script(socket, what)
        }
    }
}
