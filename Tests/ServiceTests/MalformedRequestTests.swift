import Foundation
import NIOCore
import NIOHTTP1
import Support
import Testing

@testable import PresenceAPI

@Suite("What is no HTTP")
struct MalformedRequestTests {
    /// Sends bytes as they are and gives all that comes until the service closes the connection.
    private static func exchange(_ bytes: String, with api: APIServer) async throws -> String {
        try await RawConnection.with(port: api.port) { client in
            try await client.send(bytes)
            return try await client.rest()
        }
    }

    static let head = "POST /v1/sessions HTTP/1.1\r\nHost: x\r\n"

    @Test(
        "It is answered once, with a problem, and the connection closed", .timeLimit(.minutes(1)),
        arguments: [
            "BREW / HTTP/1.1\r\nHost: x\r\n\r\n", "GET /\u{fc} HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET / HTTP/1.1\nHost: x\r\n\r\n", "GET /\r\n\r\n", "GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
            "\(head)Content-Length: abc\r\n\r\n",
            "\u{16}\u{3}\u{1}\u{2}",
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

    @Test("A good request before it gets its own answer first", .timeLimit(.minutes(1)))
    func afterAGoodOne() async throws {
        try await APIServer.withoutRedis { api in
            let good = "GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
            let answer = try await Self.exchange(good + "BREW / HTTP/1.1\r\n\r\n", with: api)
            #expect(answer.matches(of: /HTTP\/1.1 (\d+)/).map(\.1) == ["200", "400"], "\(answer)")
        }
    }

    @Test(
        "What is refused before it can be served is a problem with a code of its own", .timeLimit(.minutes(1)),
        arguments: [
            ("GET /\(String(repeating: "a", count: 40_000)) HTTP/1.1\r\nHost: x\r\n\r\n", 431, "head-too-large"),
            ("\(head)\(String(repeating: "a: b\r\n", count: 100))\r\n", 431, "head-too-large"),
            ("GET / HTTP/1.2\r\nHost: x\r\n\r\n", 505, "unsupported-version"),
            ("\(head)Expect: a miracle\r\nContent-Length: 1\r\n\r\n", 417, "expectation-failed"),
            ("\(head)Content-Length: 9000000\r\n\r\n", 413, "body-too-large"),
        ])
    func refused(_ bytes: String, _ status: Int, _ code: String) async throws {
        try await APIServer.withoutRedis { api in
            let answer = try await RawConnection.with(port: api.port) { client in
                try await client.send(bytes)
                return try await client.answer()
            }
            #expect(answer?.status == status)
            #expect(answer?["content-type"] == "application/problem+json")
            #expect(try JSON(parsing: answer?.body ?? "")["code"].string == code)
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
