import Faults
import Foundation
import Support
import Testing

@testable import PresenceAPI

/// Cursors come back from outside: whatever is made of them is served, refused or gone, and never a failure of the
/// service. PRESENCE_FUZZ_SEED begins elsewhere.
@Suite("Cursors that are nearly right, over HTTP", .timeLimit(.minutes(5)))
struct CursorFuzzTests {
    private static let seed = ProcessInfo.processInfo.environment["PRESENCE_FUZZ_SEED"].flatMap { UInt64($0) } ?? 14
    private static let rounds = 1_000
    private static let perConnection = 50

    @Test("Pages of changes and of users behind them")
    func pages() async throws {
        try await APIServer.withRedis { api in
            let cursors = try await Self.cursors(of: api)
            var feeds = Mangler(seed: Self.seed, corpus: cursors.feeds)
            var exports = Mangler(seed: Self.seed, corpus: cursors.exports)
            var statuses: [Int: Int] = [:]
            for _ in 0..<(Self.rounds / Self.perConnection) {
                let calls = (0..<Self.perConnection).flatMap { _ in
                    [
                        Call.get("/v1/events?after=\(Self.encoded(feeds.next()))"),
                        .get("/v1/sessions?after=\(Self.encoded(exports.next()))"),
                    ]
                }
                for (call, answer) in zip(calls, try await api.exchange(calls)) {
                    statuses[answer.status, default: 0] += 1
                    let name = call.path.replacing("%", with: " ")
                    #expect([200, 400, 410].contains(answer.status), "\(name): \(answer.status) \(answer.text)")
                }
            }
            #expect(statuses.keys.sorted() == [200, 400, 410] && statuses.values.allSatisfy { $0 > 20 }, "\(statuses)")
        }
    }

    @Test("Streams that go on behind them")
    func streams() async throws {
        try await APIServer.withRedis { api in
            var mangler = Mangler(seed: Self.seed, corpus: try await Self.cursors(of: api).feeds)
            for _ in 0..<200 {
                // What ends a line ends the field.
                let id = String(decoding: mangler.next().filter { $0 != 10 && $0 != 13 }, as: UTF8.self)
                try await RawConnection.with(port: api.port) { connection in
                    try await connection.send(
                        "GET /v1/events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n"
                            + "Last-Event-ID: \(id)\r\n\r\n")
                    let head = try #require(try await connection.text(with: "\r\n\r\n"))
                    let status = Int(head.split(separator: " ").dropFirst().first ?? "")
                    #expect([200, 400, 410].contains(status), "\(id): \(head)")
                }
            }
        }
    }

    /// Some of this server: its own, those of each step of an export, and what is nearly one.
    private static func cursors(of api: APIServer) async throws -> (feeds: [String], exports: [String]) {
        for user in 0..<12 {
            _ = try await api.post("/v1/sessions", #"{"user":"u\#(user)","platform":"Web"}"#)
        }
        let feed = try #require(try await api.get("/v1/events").json["next"].string)
        var (exports, query) = ([String](), "limit=1")
        while let next = try await api.get("/v1/sessions?\(query)").json["next"].string {
            exports.append(next)
            query = "limit=1&after=\(next)"
        }
        for shard in [0, 3, 15, 16, 4_095] {
            exports += [
                "c_5-+1", "c_0-0", "c_18446744073709551615-18446744073709551615", "u_696e66_61_5-0_1",
                "u_2d696e66_61_0-0_1", "u_307831703130_61_5-0_1", "u_31653939_61_5-+1_", "u_2b31__5-0_\u{663}",
                "u_31_00_5-0_99999999999999999999999999",
            ].map { "\(feed)_\(shard)_\($0)" }
        }
        return ([feed], exports)
    }

    private static func encoded(_ bytes: [UInt8]) -> String {
        bytes.map { "%" + ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
