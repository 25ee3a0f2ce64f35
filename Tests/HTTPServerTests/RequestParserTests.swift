import NIOCore
import NIOHTTP1
import Support
import Testing

@testable import HTTPServer

@Suite("The reading of requests")
struct RequestParserTests {
    private static let text =
        "\r\nGET /a?b HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: y\r\n\r\n"
        + "POST /c HTTP/1.1\r\nHost:x\r\nContent-Length: 5\r\n\r\nGET /"
        + "PUT /d HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        + "2;a=\"b\"\r\n\r\n\r\n00A\r\n0123456789\r\n0\r\nE: f\r\n\r\nHEAD /g HTTP/1.0\r\n\r\n"

    private static let read = [
        "GET /a b upgrade", "end", "POST /c", "GET /", "end", "PUT /d", "\r\n0123456789", "end", "HEAD /g", "end",
    ]

    /// What is read of parts that come one after another.
    private static func read(_ parts: [Substring.UTF8View.SubSequence]) throws -> [String] {
        var parser = RequestParser(HTTPServerLimits())
        var input = ByteBuffer()
        var read: [String] = []
        var body: String?
        for part in parts {
            input.writeBytes(part)
            while let part = try parser.next(in: &input) {
                switch part {
                case .head(let request):
                    let words = [request.method.rawValue, String(request.path), String(request.query)]
                    read.append(
                        (words + (request.offersUpgrade ? ["upgrade"] : [])).filter { !$0.isEmpty }
                            .joined(separator: " "))
                case .body(let bytes): body = (body ?? "") + String(buffer: bytes)
                case .end:
                    if let body { read.append(body) }
                    body = nil
                    read.append("end")
                }
            }
        }
        return read
    }

    @Test("However the bytes are cut, the same is read")
    func pieces() throws {
        let bytes = Self.text[...].utf8
        for size in 1...bytes.count {
            let parts = stride(from: 0, to: bytes.count, by: size).map { bytes.dropFirst($0).prefix(size) }
            #expect(try Self.read(parts) == Self.read, "in pieces of \(size)")
        }
        for cut in 0..<bytes.count {
            #expect(try Self.read([bytes.prefix(cut), bytes.dropFirst(cut)]) == Self.read, "cut at \(cut)")
        }
    }

    @Test("A line that cannot become good is refused before it is there to its end")
    func early() {
        for bytes in ["\u{16}\u{3}", "GET /a HTTP/1.1\n", "GET /a HTTP/1.1\r\nA: \0", "GET\rx"] {
            #expect(throws: HTTPRefusal.malformed) { try Self.read([bytes[...].utf8]) }
        }
        #expect(throws: HTTPRefusal.headTooLarge) { try Self.read([String(repeating: "a", count: 32 << 10)[...].utf8]) }
    }

    @Test("One request is read at a time: what is behind it stays")
    func oneByOne() throws {
        var parser = RequestParser(HTTPServerLimits())
        var input = ByteBuffer(string: "GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b")
        _ = try parser.next(in: &input)
        _ = try parser.next(in: &input)
        #expect(parser.isBetweenRequests)
        #expect(String(buffer: input) == "GET /b")
    }

    @Test("What a request may have of fields and bytes does not depend on those before it")
    func limitsOfEach() throws {
        let fields = String(repeating: "a: \(String(repeating: "b", count: 500))\r\n", count: 40)
        let request =
            "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\(fields)\r\n"
            + "1\r\nb\r\n0\r\n\(fields)\r\n"
        let read = try Self.read([String(repeating: request, count: 5)[...].utf8])
        #expect(read == Array(repeating: ["POST /a", "b", "end"], count: 5).flatMap(\.self))
    }
}
