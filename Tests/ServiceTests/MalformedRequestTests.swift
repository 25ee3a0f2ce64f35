import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import Support
import Testing

@testable import PresenceAPI

@Suite("What is no HTTP")
struct MalformedRequestTests {
    /// Sends bytes as they are and gives all that comes until the service closes the connection.
    private static func exchange(_ bytes: String, with api: APIServer) async throws -> String {
        let connection = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .connect(host: "127.0.0.1", port: api.port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        return try await connection.executeThenClose { inbound, outbound in
            try await outbound.write(ByteBuffer(string: bytes))
            var answer = ByteBuffer()
            // What was not read of the request may end the connection with a reset.
            do { for try await part in inbound { answer.writeImmutableBuffer(part) } } catch is IOError {}
            return String(buffer: answer)
        }
    }

    static let head = "POST /v1/sessions HTTP/1.1\r\nHost: x\r\n"

    @Test(
        "It is answered once, with a problem, and the connection closed", .timeLimit(.minutes(1)),
        arguments: [
            "BREW / HTTP/1.1\r\nHost: x\r\n\r\n", "GET /\u{fc} HTTP/1.1\r\nHost: x\r\n\r\n",
            "\(head)Content-Length: abc\r\n\r\n",
            "GET /\(String(repeating: "a", count: 200_000)) HTTP/1.1\r\n\r\n", "\u{16}\u{3}\u{1}\u{2}",
        ])
    func malformed(_ bytes: String) async throws {
        try await APIServer.withoutRedis { api in
            let answer = try await Self.exchange(bytes, with: api)
            #expect(answer.hasPrefix("HTTP/1.1 400 Bad Request\r\n"))
            #expect(answer.contains("Content-Type: application/problem+json\r\n"))
            #expect(answer.contains("Connection: close\r\n"))
            #expect(answer.components(separatedBy: "HTTP/1.1 4").count == 2, "\(answer)")
            let body = answer.components(separatedBy: "\r\n\r\n").last ?? ""
            #expect(try JSON(parsing: body)["code"].string == "malformed-request")
        }
    }

    @Test(
        "A body in broken chunks is answered once, with a problem, and the connection closed", .timeLimit(.minutes(1)))
    func brokenChunk() async throws {
        try await APIServer.withoutRedis { api in
            let answer = try await Self.exchange("\(Self.head)Transfer-Encoding: chunked\r\n\r\nzz\r\n", with: api)
            #expect(answer.hasPrefix("HTTP/1.1 400 Bad Request\r\n"))
            #expect(answer.components(separatedBy: "HTTP/1.1 4").count == 2, "\(answer)")
            #expect(answer.contains("application/problem+json"))
        }
    }

    @Test("A good request before it gets its own answer, the last of the connection", .timeLimit(.minutes(1)))
    func afterAGoodOne() async throws {
        try await APIServer.withoutRedis { api in
            let good = "GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
            let answer = try await Self.exchange(good + "BREW / HTTP/1.1\r\n\r\n", with: api)
            #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
            #expect(answer.components(separatedBy: "HTTP/1.1 ").count == 2, "\(answer)")
        }
    }

    @Test(
        "JSON in UTF-16 or UTF-32 is refused", arguments: [String.Encoding.utf16, .utf16LittleEndian, .utf32BigEndian])
    func otherEncodings(_ encoding: String.Encoding) async throws {
        try await APIServer.withoutRedis { api in
            let body = try #require(#"{"user":"ann","platform":"Web"}"#.data(using: encoding))
            let answer = try await api.call(Call(method: .POST, path: "/v1/sessions", body: ByteBuffer(bytes: body)))
            #expect(answer.status == 400)
            #expect(try answer.json["code"] == "invalid-json")
        }
    }
}
