import Foundation
import NIOCore
import NIOPosix
import Synchronization

/// A WebSocket client that sends exactly what it is told, right or wrong, and hears everything.
///
/// Every wait ends after 20 seconds with `TimedOut`.
package final class RawWebSocket: Sendable {
    /// What the server answered a request, its header names in lower case.
    package struct Response: Sendable {
        package let status: Int
        package let headers: [String: String]
        package let body: String
    }

    private let channel: any Channel
    private let inbox: Inbox

    private init(channel: any Channel, inbox: Inbox) {
        self.channel = channel
        self.inbox = inbox
    }

    /// Runs the body with a TCP connection on which nothing was sent yet.
    package static func withConnection<Result: Sendable>(
        port: Int, body: (RawWebSocket) async throws -> Result
    ) async throws -> Result {
        let inbox = Inbox()
        // With half closure what was sent before a close is still heard.
        let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(inbox) }
            }
            .connect(host: "127.0.0.1", port: port).get()
        defer { channel.close(promise: nil) }
        return try await body(RawWebSocket(channel: channel, inbox: inbox))
    }

    /// Runs the body with an upgraded connection of which no frame was read yet.
    /// - Parameters:
    ///   - target: path and query of the request.
    ///   - headers: beside those of an upgrade, or instead of them; nil takes one away.
    package static func with<Result: Sendable>(
        port: Int, _ target: String, headers: [String: String?] = [:], body: (RawWebSocket) async throws -> Result
    ) async throws -> Result {
        try await withConnection(port: port) { socket in
            socket.send(upgradeRequest(target, headers: headers))
            let response = try await socket.response()
            guard response.status == 101 else { throw TimedOut(description: "no upgrade: \(response)") }
            return try await body(socket)
        }
    }

    /// The bytes of a request for an upgrade; its key is the one of RFC 6455's example.
    package static func upgradeRequest(
        _ target: String, method: String = "GET", headers: [String: String?] = [:]
    ) -> [UInt8] {
        let usual: [String: String?] = [
            "Host": "127.0.0.1", "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        ]
        let lines = usual.merging(headers) { $1 }.compactMap { name, value in value.map { "\(name): \($0)\r\n" } }
        return Array("\(method) \(target) HTTP/1.1\r\n\(lines.joined())\r\n".utf8)
    }

    /// What the server no longer takes is lost.
    package func send(_ bytes: [UInt8]) {
        channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil)
    }

    package func send(_ frames: Frame...) {
        send(frames.flatMap(\.bytes))
    }

    /// Sends each byte by itself.
    package func sendBytewise(_ bytes: [UInt8]) async throws {
        for byte in bytes {
            send([byte])
            await Task.yield()
        }
    }

    /// Sends no more, and still hears.
    package func finish() {
        channel.close(mode: .output, promise: nil)
    }

    /// Ends the connection: in order, or as one that is reset.
    package func end(reset: Bool) async throws {
        if reset, let socket = channel as? any SocketOptionProvider {
            try await socket.setSoLinger(linger(l_onoff: 1, l_linger: 0)).get()
        }
        try? await channel.close()
    }

    /// Reads nothing from now on; what the server sends stays in the kernel's buffers.
    package func stopReading() async throws {
        try await channel.setOption(.autoRead, value: false).get()
    }

    /// The answer to a request; the end of the connection instead of one is an error.
    package func response() async throws -> Response {
        guard let response = try await hear(Response.init) else { throw TimedOut(description: "closed, no response") }
        return response
    }

    /// The next frame; nil when the connection ended.
    package func next() async throws -> Frame? {
        try await hear(Frame.init)
    }

    /// The next message; a close or another frame is an error.
    package func message() async throws -> JSON {
        let frame = try await next()
        guard let frame, frame.opcode == Frame.text else {
            throw TimedOut(description: "no message but \(frame as Any)")
        }
        return try JSON(parsing: String(decoding: frame.payload, as: UTF8.self))
    }

    /// The code the server closes with: 1005 for a close that has none, 1006 for an end without a close.
    ///
    /// Skips what comes before, answers the close as a client must, and waits for the end of the connection.
    package func closeCode() async throws -> Int {
        var code = 1006
        while let frame = try await next() {
            guard let closeCode = frame.closeCode else { continue }
            code = closeCode
            send(Frame(Frame.close, frame.payload))
        }
        return code
    }

    /// Waits until all of a value is there; nil when the connection ended before.
    private func hear<Value: Sendable>(_ read: @Sendable (inout ByteBuffer) -> Value?) async throws -> Value? {
        var value: Value?
        try await eventually(else: "the server is silent and does not close") {
            let hasEnded: Bool
            (value, hasEnded) = inbox.read(read)
            return value != nil || hasEnded
        }
        return value
    }
}

extension RawWebSocket.Response {
    fileprivate init?(_ bytes: inout ByteBuffer) {
        let text = String(buffer: bytes)
        guard let blank = text.firstRange(of: "\r\n\r\n") else { return nil }
        let lines = text[..<blank.lowerBound].split(separator: "\r\n")
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            headers[parts[0].lowercased()] = parts.count > 1 ? String(parts[1].drop { $0 == " " }) : ""
        }
        let headBytes = text[..<blank.upperBound].utf8.count
        let bodyBytes = headers["content-length"].flatMap { Int($0) } ?? 0
        guard bytes.readableBytes >= headBytes + bodyBytes else { return nil }
        bytes.moveReaderIndex(forwardBy: headBytes)
        self.headers = headers
        status = lines.first?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        body = bytes.readString(length: bodyBytes) ?? ""
    }
}

/// Keeps what comes until it is read.
private final class Inbox: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer

    private let state = Mutex((bytes: ByteBuffer(), hasEnded: false))

    func read<Value: Sendable>(_ read: @Sendable (inout ByteBuffer) -> Value?) -> (Value?, hasEnded: Bool) {
        state.withLock { (read(&$0.bytes), $0.hasEnded) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        state.withLock { _ = $0.bytes.writeImmutableBuffer(bytes) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event as? ChannelEvent == .inputClosed { state.withLock { $0.hasEnded = true } }
    }

    func channelInactive(context: ChannelHandlerContext) {
        state.withLock { $0.hasEnded = true }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
