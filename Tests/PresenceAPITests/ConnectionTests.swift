import Logging
import NIOCore
import NIOPosix
import Support
import Testing

@testable import PresenceAPI

@Suite("Connections of the HTTP API")
struct ConnectionTests {
    /// Connects from a loopback address and asks once; the connection stays.
    private static func connect(from address: String, to port: Int) async throws -> any Channel {
        let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .bind(to: SocketAddress(ipAddress: address, port: 0))
            .connect(host: "127.0.0.1", port: port).get()
        let request = "GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
        // The service may have closed it already.
        try? await channel.writeAndFlush(ByteBuffer(string: request)).get()
        return channel
    }

    @Test("An address that takes all connections it can get leaves a tenth of them to others")
    func quota() async throws {
        let log = LogRecorder(level: .warning)
        try await APIServer.withoutRedis(connectionsMax: 20, logger: log.logger) { api in
            let taken = try await Self.connect(19, from: "127.0.0.1", to: api.port)
            try await eventually(else: "19 are let in") { Self.open(taken).count == 18 }

            #expect(log.lines.count == 1 && log.has("nine tenths of the connections"), "\(log.lines)")
            #expect(log.has("address=127.0.0.1 advice=set connect.address-header if it is a proxy count=1"))

            let other = try await Self.connect(1, from: "127.0.0.2", to: api.port)
            try await Self.open(taken).first?.close()
            try await eventually(else: "a place that was given back is not free") {
                (try? await api.get("/health/live")) != nil
            }
            #expect(Self.open(other).count == 1)
            for channel in Self.open(taken + other) { try await channel.close() }
        }
    }

    private static func connect(_ count: Int, from address: String, to port: Int) async throws -> [any Channel] {
        var channels: [any Channel] = []
        for _ in 0..<count { channels.append(try await connect(from: address, to: port)) }
        return channels
    }

    private static func open(_ channels: [any Channel]) -> [any Channel] { channels.filter { $0.isActive } }
}
