import HTTPServer
import NIOCore
import Support
import Testing

/// What others could read in another way than this server does.
@Suite("The form of requests", .timeLimit(.minutes(1)))
struct RequestFormTests {
    private static let post = "POST /a HTTP/1.1\r\nHost: x\r\n"

    static let malformed = [
        // Where the body ends.
        "\(post)Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "\(post)Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
        "\(post)Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        "\(post)Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        "\(post)Content-Length: 3, 3\r\n\r\nabc", "\(post)Content-Length: +3\r\n\r\nabc",
        "\(post)Content-Length: -3\r\n\r\nabc", "\(post)Content-Length: 0x3\r\n\r\nabc",
        "\(post)Content-Length: 3 3\r\n\r\nabc", "\(post)Content-Length: \r\n\r\nabc",
        "\(post)Content-Length: 99999999999999999999\r\n\r\nabc",
        "\(post)Transfer-Encoding: gzip\r\n\r\n", "\(post)Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "\(post)Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        "\(post)Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "\(post)Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "\(post)Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        "\(post)Transfer-Encoding:\u{b}chunked\r\n\r\n0\r\n\r\n",
        "POST /a HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "\(post)Transfer-Encoding: chunked\r\n\r\nzz\r\n", "\(post)Transfer-Encoding: chunked\r\n\r\n-1\r\n",
        "\(post)Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n",
        "\(post)Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
        "\(post)Transfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n",
        "\(post)Transfer-Encoding: chunked\r\n\r\n3\r\nabc\n0\r\n\r\n",
        "\(post)Transfer-Encoding: chunked\r\n\r\n10000000000000003\r\nabc\r\n0\r\n\r\n",
        "\(post)Transfer-Encoding: chunked\r\n\r\n3 \r\nabc\r\n0\r\n\r\n",
        "\(post)Transfer-Encoding: chunked\r\n\r\n\r\nabc\r\n0\r\n\r\n",
        "\(post)Transfer-Encoding: chunked\r\n\r\n3;a=\nb\r\nabc\r\n0\r\n\r\n",
        "\(post)Transfer-Encoding: chunked\r\n\r\n0\r\nA b\r\n\r\n",
        "\(post)Transfer-Encoding: chunked\r\n\r\n0\r\n A: b\r\n\r\n",
        "\(post)Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nabc\r\n0\r\n\r\n",
        // Where a field ends, and what its name is.
        "GET /a HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n", "GET /a HTTP/1.1\r\nHost: x\r\nA: b\r\n\tc\r\n\r\n",
        "GET /a HTTP/1.1\r\n Host: x\r\n\r\n", "GET /a HTTP/1.1\r\nHost : x\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: x\r\nA\t: b\r\n\r\n", "GET /a HTTP/1.1\r\nHost: x\r\n: b\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: x\r\nA b\r\n\r\n", "GET /a HTTP/1.1\r\nHost: x\r\nA(: b\r\n\r\n",
        "GET /a HTTP/1.1\nHost: x\n\n", "GET /a HTTP/1.1\r\nHost: x\n\r\n", "GET /a HTTP/1.1\r\nHost: x\r\n\n",
        "GET /a HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n", "GET /a HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: x\r\nA\0: b\r\n\r\n", "GET /a\0 HTTP/1.1\r\nHost: x\r\n\r\n",
        // Whom it is for.
        "GET /a HTTP/1.1\r\n\r\n", "GET /a HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", "GET /a HTTP/1.1\r\nHost: x, y\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: x/y\r\n\r\n", "GET /a HTTP/1.1\r\nHost: u@x\r\n\r\n",
        "GET http://y/a HTTP/1.1\r\nHost: x\r\n\r\n", "GET http:///a HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET http://u@x/a HTTP/1.1\r\nHost: x\r\n\r\n", "GET ftp://x/a HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET x:80 HTTP/1.1\r\nHost: x:80\r\n\r\n", "GET a HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET * HTTP/1.1\r\nHost: x\r\n\r\n", "GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", "GET  /a HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /a  HTTP/1.1\r\nHost: x\r\n\r\n", " GET /a HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /a HTTP/1.1 \r\nHost: x\r\n\r\n", "GET\t/a HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /\u{7f} HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /\u{fc} HTTP/1.1\r\nHost: x\r\n\r\n",
        // What becomes of the connection.
        "GET /a HTTP/1.1\r\nHost: x\r\nConnection: up grade\r\nUpgrade: y\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: x\r\nConnection: \"upgrade\"\r\nUpgrade: y\r\n\r\n",
        "CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\nContent-Length: 3\r\n\r\nabc",
        "CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        // What is no HTTP/1.
        "BREW / HTTP/1.1\r\nHost: x\r\n\r\n", "get /a HTTP/1.1\r\nHost: x\r\n\r\n", "\u{16}\u{3}\u{1}\u{2}",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET /a\r\n\r\n", "GET /a \r\n\r\n", "GET /a HTTPS/1.1\r\nHost: x\r\n\r\n",
        "GET /a http/1.1\r\nHost: x\r\n\r\n", "GET /a HTTP/11\r\nHost: x\r\n\r\n", "GET /a HTTP/1\r\nHost: x\r\n\r\n",
        "GET /a HTTP/1.1\nHost: x\r\n\r\n", "GET /a HTTP/1.10\r\nHost: x\r\n\r\n",
    ]

    @Test("What could be read in two ways is refused, and nothing behind it is served", arguments: malformed)
    func refused(_ bytes: String) async throws {
        try await Server.with { server in
            try await RawConnection.with(port: server.port) { client in
                try await client.send(bytes + "GET /behind HTTP/1.1\r\nHost: x\r\n\r\n")
                let answer = try #require(try await client.answer())
                #expect(answer.status == 400)
                #expect(answer["connection"] == "close")
                client.finish()
                #expect(try await client.rest() == "")
            }
            #expect(server.requests.isEmpty)
        }
    }

    @Test(
        "Versions other than 1.0 and 1.1 are refused as such",
        arguments: [
            "GET /a HTTP/1.2\r\nHost: x\r\n\r\n", "GET /a HTTP/0.9\r\n\r\n", "GET /a HTTP/2.0\r\n\r\n",
            "GET /a HTTP/3.0\r\nHost: x\r\n\r\n",
        ])
    func versions(_ bytes: String) async throws {
        try await Server.with { server in
            try await RawConnection.with(port: server.port) { client in
                try await client.send(bytes)
                #expect(try await client.answer()?.status == 505)
            }
        }
    }

    @Test(
        "What is unusual but clear is served",
        arguments: [
            "GET http://x/a HTTP/1.1\r\nHost: x\r\n\r\n", "GET HTTP://X/a HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET /a HTTP/1.1\r\nhost:x\r\n\r\n", "GET /a HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n",
            "GET /a HTTP/1.1\r\nHost:\tx \r\n\r\n", "GET /a HTTP/1.1\r\nHost: \r\n\r\n",
            "GET /a HTTP/1.1\r\nHost: x\r\nA: \u{e4}\tb\r\nB:\r\n\r\n",
            "GET /a HTTP/1.1\r\nHost: x\r\nConnection: a,\tupgrade\r\nUpgrade: y\r\n\r\n",
            "GET /a HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade:\r\n\r\n",
            "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 000 \r\n\r\n",
            "\r\n\r\nGET /a HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET /a HTTP/1.1\r\nHost: x\r\nConnection: ,keep-alive , TE\r\nTE: trailers\r\n\r\n",
            "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\n\r\n",
            "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0;a=b\r\nC: d\r\n\r\n",
            "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
        ])
    func served(_ bytes: String) async throws {
        try await Server.with { server in
            try await RawConnection.with(port: server.port) { client in
                for _ in 1...2 {
                    try await client.send(bytes)
                    #expect(try await client.answer()?.body == "/a ")
                }
            }
        }
    }

    @Test("A head of up to 32 kB and 100 fields is read, a longer one is 431, however it is long")
    func headLimits() async throws {
        func head(_ fields: String, target: String = "/a") -> String {
            "GET \(target) HTTP/1.1\r\nHost: x\r\n\(fields)\r\n"
        }
        func chunked(_ chunks: String) -> String { "\(Self.post)Transfer-Encoding: chunked\r\n\r\n\(chunks)" }
        let short = String(repeating: "a", count: 30_000)
        let long = String(repeating: "a", count: 40_000)
        let cases = [
            (head("A: \(short)\r\n"), 200), (head("A: \(long)\r\n"), 431), (head("\(long): a\r\n"), 431),
            (head("", target: "/\(long)"), 431),
            (head(String(repeating: "A: \(short.prefix(1_000))\r\n", count: 40)), 431),
            (head(String(repeating: "a:\r\n", count: 99)), 200), (head(String(repeating: "a:\r\n", count: 100)), 431),
            (head("A:" + String(repeating: " ", count: 100_000) + "b\r\n"), 431), (long, 431),
            (chunked(String(repeating: "1;\(short.prefix(1_000))\r\na\r\n", count: 40)), 431),
            (chunked(String(repeating: "1\r\na\r\n", count: 40_000) + "0\r\nA: \(short)\r\n\r\n"), 200),
            (chunked("0\r\nA: \(long)\r\n\r\n"), 431),
            (chunked("0\r\n" + String(repeating: "a:\r\n", count: 99) + "\r\n"), 431),
        ]
        try await Server.with { server in
            for (bytes, status) in cases {
                try await RawConnection.with(port: server.port) { client in
                    try await client.send(bytes)
                    #expect(try await client.answer()?.status == status, "\(bytes.prefix(60))")
                }
            }
        }
    }

    @Test("An expectation other than the go-ahead is refused")
    func expectation() async throws {
        try await Server.with { server in
            try await RawConnection.with(port: server.port) { client in
                try await client.send("\(Self.post)Expect: money\r\nContent-Length: 1\r\n\r\n")
                #expect(try await client.answer()?.status == 417)
            }
        }
    }
}
