import Foundation
import HTTPServer
import NIOCore
import NIOHTTP1
import NIOPosix
import ServiceLifecycle
import Support
import Testing

@Suite("The HTTP server", .timeLimit(.minutes(1)))
struct HTTPServerTests {
    static func get(_ path: String, _ fields: String = "", _ version: String = "1.1") -> String {
        "GET \(path) HTTP/\(version)\r\nHost: x\r\n\(fields)\r\n"
    }

    static func post(_ path: String, _ body: String, _ fields: String = "") -> String {
        "POST \(path) HTTP/1.1\r\nHost: x\r\nContent-Length: \(body.utf8.count)\r\n\(fields)\r\n\(body)"
    }

    @Test("Requests of a connection are answered in order, however their bytes come")
    func inOrder() async throws {
        try await Server.with { server in
            let bytes = (1...5).map { Self.post("/\($0)", "body \($0)") + Self.get("/get\($0)") }.joined()
            for size in [1, 7, 1_000] {
                try await RawConnection.with(port: server.port) { client in
                    for start in stride(from: 0, to: bytes.count, by: size) {
                        try await client.send(String(bytes.dropFirst(start).prefix(size)))
                    }
                    for number in 1...5 {
                        #expect(try await client.answer()?.body == "/\(number) body \(number)")
                        #expect(try await client.answer()?.body == "/get\(number) ")
                    }
                }
            }
        }
    }

    @Test("A malformed request does not cut off the answer before it, which may take its time")
    func malformedBehind() async throws {
        try await Server.with { server in
            try await RawConnection.with(port: server.port) { client in
                try await client.send(Self.get("/wait") + "BREW / HTTP/1.1\r\n\r\n")
                try await eventually(else: "the first is not served") { !server.requests.isEmpty }
                server.release()
                #expect(try await client.answer()?.body == "/wait ")
                let refusal = try await client.answer()
                #expect(refusal?.status == 400)
                #expect(refusal?["connection"] == "close")
            }
        }
    }

    @Test("A body that is announced too long is refused before a byte of it came, and can be read by who sends on")
    func announcedBody() async throws {
        try await Server.with { server in
            try await RawConnection.with(port: server.port) { client in
                let body = String(repeating: "a", count: 9_000_000)
                try await client.send("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: \(body.count)\r\n\r\n")
                #expect(try await client.answer()?.status == 413)
                try await client.send(body)
                client.finish()
                #expect(try await client.rest() == "")
            }
            try await RawConnection.with(port: server.port) { client in
                let chunk = "40000\r\n\(String(repeating: "a", count: 0x40000))\r\n"
                try await client.send("POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
                for _ in 1...30 { try await client.send(chunk) }
                #expect(try await client.answer()?.status == 413)
            }
            #expect(server.requests.isEmpty)
        }
    }

    @Test("A body of 1 MiB is read, in one piece and in chunks")
    func longBody() async throws {
        try await Server.with { server in
            try await RawConnection.with(port: server.port) { client in
                let body = String(repeating: "a", count: 1 << 20)
                try await client.send(Self.post("/a", body))
                #expect(try await client.answer()?.body == "/a \(body)")
                let chunks = String(repeating: "4;x=y\r\nabcd\r\n", count: 100)
                try await client.send(
                    "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n\(chunks)0\r\n\r\n")
                #expect(try await client.answer()?.body == "/a " + String(repeating: "abcd", count: 100))
            }
        }
    }

    @Test("HEAD is answered without a body but with its length")
    func head() async throws {
        try await Server.with { server in
            try await RawConnection.with(port: server.port) { client in
                for path in ["/a", "/big"] {
                    try await client.send("HEAD \(path) HTTP/1.1\r\nHost: x\r\n\r\n")
                    let answer = try await client.answer(hasBody: false)
                    #expect(answer?.status == 200)
                    #expect(answer?["content-length"] == (path == "/a" ? "3" : "1048576"))
                    #expect(answer?["date"]?.hasSuffix(" GMT") == true)
                }
                try await client.send(Self.get("/b"))
                #expect(try await client.answer()?.status == 200)
            }
        }
    }

    @Test("A connection of HTTP/1.0, and one asked to close in whatever case, is closed behind the answer")
    func closing() async throws {
        try await Server.with { server in
            for request in [
                Self.get("/a", "", "1.0"), "GET /a HTTP/1.0\r\n\r\n",
                Self.get("/a", "Connection: keep-alive\r\n", "1.0"),
                Self.get("/a", "Connection: Close\r\n"), Self.get("/a", "Connection: TE, cLoSe\r\n"),
            ] {
                try await RawConnection.with(port: server.port) { client in
                    try await client.send(request)
                    let answer = try await client.answer()
                    #expect(answer?.body == "/a ")
                    #expect(answer?["connection"] == "close")
                    #expect(try await client.rest() == "")
                }
            }
        }
    }

    @Test("Who asks for the go-ahead gets it, or the final answer at once")
    func expectations() async throws {
        try await Server.with { server in
            func head(_ path: String, _ length: Int) -> String {
                "POST \(path) HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: \(length)\r\n\r\n"
            }
            try await RawConnection.with(port: server.port) { client in
                try await client.send(head("/a", 3))
                #expect(try await client.answer()?.head == "HTTP/1.1 100 Continue\r\n\r\n")
                try await client.send("abc")
                #expect(try await client.answer()?.body == "/a abc")
            }
            for (path, length, status) in [("/a", 9_000_000, 413), ("/secret", 3, 401)] {
                try await RawConnection.with(port: server.port) { client in
                    try await client.send(head(path, length))
                    #expect(try await client.answer()?.status == status)
                    #expect(try await client.rest() == "")
                }
            }
        }
    }

    @Test("A client that has closed its side gets its answers")
    func halfClosed() async throws {
        try await Server.with { server in
            try await RawConnection.with(port: server.port) { client in
                try await client.send(Self.get("/wait") + Self.get("/b") + "GET /c")
                client.finish()
                try await eventually(else: "the first is not served") { !server.requests.isEmpty }
                server.release()
                #expect(try await client.answer()?.body == "/wait ")
                #expect(try await client.answer()?.body == "/b ")
                #expect(try await client.rest() == "")
            }
        }
    }

    @Test("An answer in parts comes in chunks, to HTTP/1.0 as it is, and to HEAD not at all")
    func stream() async throws {
        try await Server.with { server in
            try await RawConnection.with(port: server.port) { client in
                try await client.send("HEAD /stream HTTP/1.1\r\nHost: x\r\n\r\n" + Self.get("/stream") + Self.get("/b"))
                #expect(try await client.answer(hasBody: false)?["transfer-encoding"] == "chunked")
                #expect(try await client.answer(hasBody: false)?["content-length"] == nil)
                let chunks = (1...3).map { "14\r\npart \($0) of the answer\r\n" }.joined()
                let text = try await client.text(with: "/b ")
                #expect(text?.hasPrefix("\(chunks)0\r\n\r\nHTTP/1.1 200") == true)
            }
            try await RawConnection.with(port: server.port) { client in
                try await client.send(Self.get("/stream", "", "1.0"))
                #expect(
                    try await client.rest().hasSuffix("\r\n\r\n" + (1...3).map { "part \($0) of the answer" }.joined()))
            }
        }
    }
}
