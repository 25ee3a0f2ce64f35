import Foundation
import NIOCore
import NIOPosix

/// A client that sends what it is told, well-formed or not, and shows what comes back as it comes.
package struct RawConnection {
    /// Its own.
    package let localPort: Int
    private let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    private var inbound: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator
    private var unread = ""
    private var hasEnded = false

    /// Runs the body beside a connection.
    /// - Parameters:
    ///   - address: to connect from.
    ///   - receiveBytes: the size of the buffer the kernel keeps for it; reading stops where the body does not read.
    package static func with<Result: Sendable>(
        port: Int, from address: String? = nil, receiveBytes: Int? = nil,
        body: (inout RawConnection) async throws -> Result
    ) async throws -> Result {
        var bootstrap = ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .channelOption(.allowRemoteHalfClosure, value: true)
        if let address { bootstrap = bootstrap.bind(to: try SocketAddress(ipAddress: address, port: 0)) }
        if let receiveBytes {
            bootstrap = bootstrap.channelOption(.socketOption(.so_rcvbuf), value: .init(receiveBytes))
        }
        let channel = try await bootstrap.connect(host: "127.0.0.1", port: port) { channel in
            channel.eventLoop.makeCompletedFuture {
                try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
                    wrappingChannelSynchronously: channel,
                    configuration: .init(
                        backPressureStrategy: .init(lowWatermark: 1, highWatermark: 2),
                        isOutboundHalfClosureEnabled: true))
            }
        }
        return try await channel.executeThenClose { inbound, outbound in
            var connection = RawConnection(
                outbound: outbound, inbound: inbound.makeAsyncIterator(),
                localPort: channel.channel.localAddress?.port ?? 0)
            return try await body(&connection)
        }
    }

    private init(
        outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>,
        inbound: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator, localPort: Int
    ) {
        self.localPort = localPort
        self.outbound = outbound
        self.inbound = inbound
    }

    /// Returns when the kernel has most of it, as a program does that writes all before it reads.
    package func send(_ text: String) async throws {
        var bytes = ByteBuffer(string: text)
        while let part = bytes.readSlice(length: min(bytes.readableBytes, 1 << 16)), part.readableBytes > 0 {
            try await outbound.write(part)
        }
    }

    /// Says that nothing more will come.
    package func finish() { outbound.finish() }

    /// The next answer, by its `Content-Length`; nil when the server closed the connection instead. An answer to HEAD
    /// and an interim one have no body.
    package mutating func answer(hasBody: Bool = true) async throws -> RawAnswer? {
        while true {
            if let end = unread.range(of: "\r\n\r\n") {
                var answer = RawAnswer(head: String(unread[..<end.upperBound]))
                let bytes = hasBody ? answer["content-length"].flatMap { Int($0) } ?? 0 : 0
                let rest = unread[end.upperBound...]
                if rest.utf8.count >= bytes {
                    answer.body = String(rest.utf8.prefix(bytes)) ?? ""
                    unread = String(rest.utf8.dropFirst(bytes)) ?? ""
                    return answer
                }
            }
            guard try await more() else { return nil }
        }
    }

    /// All that comes until the server closes the connection.
    package mutating func rest() async throws -> String {
        while try await more() {}
        return unread
    }

    /// What has come is shown when it has this in it.
    package mutating func text(with part: String) async throws -> String? {
        while !unread.contains(part) { guard try await more() else { return nil } }
        return unread
    }

    /// What has come is shown no more.
    package mutating func forget() { unread = "" }

    /// A connection that is reset has ended too.
    private mutating func more() async throws -> Bool {
        guard !hasEnded else { return false }
        do {
            if let bytes = try await inbound.next(isolation: #isolation) {
                unread += String(buffer: bytes)
                return true
            }
        } catch is IOError {}
        hasEnded = true
        return false
    }
}

package struct RawAnswer: Sendable {
    package let head: String
    package var body = ""

    package var status: Int { Int(head.split(separator: " ").dropFirst().first ?? "") ?? 0 }

    package subscript(_ name: String) -> String? {
        for line in head.split(separator: "\r\n") {
            let parts = line.split(separator: ":", maxSplits: 1)
            if parts.count == 2, parts[0].lowercased() == name { return parts[1].drop { $0 == " " }.description }
        }
        return nil
    }
}
