import Crypto
import Foundation
import HTTPServer
import NIOCore
import NIOHTTP1
import NIOPosix
import PresenceCore
import Support
import Synchronization
import Testing

@testable import Callbacks

@Suite("Callbacks to a real receiver")
struct CallbackSenderTests {
    @Test(
        "2xx is delivered; timeouts, redirects, 408, 429 and 5xx are tried again; other 4xx are refused",
        arguments: [
            (200, "delivered"), (204, "delivered"), (301, "retry"), (302, "retry"), (307, "retry"), (400, "refused"),
            (404, "refused"), (408, "retry"), (429, "retry"), (500, "retry"), (503, "retry"),
        ])
    func outcomes(_ status: Int, _ expected: String) async throws {
        try await Receiver.with(status: status) { receiver, url in
            let outcome = try await deliver(try change(.login, .register, "Web"), to: url)
            #expect(outcome.word == expected)
            #expect(receiver.heard.count == 1, "a redirect must not be followed")
        }
    }

    @Test("An attempt carries the body, its length and type, and the proofs, checked by an independent HMAC")
    func proofs() async throws {
        let key = Data(repeating: 9, count: 32)
        try await Receiver.with(status: 200) { receiver, url in
            var options = CallbackOptions(url: try CallbackURL(url + "?app=demo"), sdkAppID: 14, signToken: "token")
            options.proofs.webhookSecrets = [try WebhookSecret("whsec_" + key.base64EncodedString())]
            let sent = try change(.login, .register, "iPhone", address: "192.0.2.1")
            #expect(try await deliver(sent, options) == .delivered)
            let heard = try #require(receiver.heard.first)
            #expect(heard.body == sent.body)
            #expect(heard.header("content-type") == "application/json")
            #expect(heard.header("user-agent") == "presence/\(PresenceVersion.current)")
            #expect(heard.query["app"] == "demo")
            #expect(heard.query["SdkAppid"] == "14")
            #expect(heard.query["ClientIP"] == "192.0.2.1")
            #expect(heard.query["OptPlatform"] == "IOS")
            let time = try #require(heard.query["RequestTime"])
            let sign = SHA256.hash(data: Data("token\(time)".utf8)).map { String(format: "%02x", $0) }.joined()
            #expect(heard.query["Sign"] == sign)
            #expect(abs(try #require(Double(time)) - Date().timeIntervalSince1970) < 60)
            let signed = "\(sent.id).\(try #require(heard.header("webhook-timestamp"))).\(heard.body)"
            let code = HMAC<SHA256>.authenticationCode(for: Data(signed.utf8), using: SymmetricKey(data: key))
            #expect(heard.header("webhook-id") == sent.id)
            #expect(heard.header("webhook-signature") == "v1,\(Data(code).base64EncodedString())")
        }
    }

    @Test("Without token and secrets there are no proofs")
    func plain() async throws {
        try await Receiver.with(status: 200) { receiver, url in
            _ = try await deliver(try change(.login, .register, "Web"), to: url)
            let heard = try #require(receiver.heard.first)
            #expect(heard.query["Sign"] == nil)
            #expect(heard.header("webhook-signature") == nil)
        }
    }

    @Test("A receiver that does not answer is given up after the timeout")
    func silence() async throws {
        try await Receiver.with(status: nil) { _, url in
            let options = CallbackOptions(url: try CallbackURL(url), timeoutMs: 100)
            let start = ContinuousClock.now
            let outcome = try await deliver(try change(.login, .register, "Web"), options)
            #expect(outcome == .retry(afterMs: nil, detail: "no answer within 100 ms"))
            #expect(start.duration(to: .now) < .seconds(2))
        }
    }

    @Test("Where nobody listens, the attempt fails at once")
    func nobody() async throws {
        let port = try await FreePort.next()
        let start = ContinuousClock.now
        let outcome = try await deliver(try change(.login, .register, "Web"), to: "http://127.0.0.1:\(port)/")
        #expect(outcome.word == "retry")
        #expect(start.duration(to: .now) < .seconds(1))
    }

    @Test("The proofs carry the time of the clock that is handed in, however far off that is")
    func clock() async throws {
        try await Receiver.with(status: 200) { receiver, url in
            var options = CallbackOptions(url: try CallbackURL(url), signToken: "token")
            options.proofs.webhookSecrets = [
                try WebhookSecret("whsec_" + Data(repeating: 9, count: 32).base64EncodedString())
            ]
            let clock = RedisClock()
            clock.saw(redisMs: Int(Date().timeIntervalSince1970 * 1_000) + 3_600_000)
            let before = clock.nowSeconds
            _ = try await deliver(try change(.login, .register, "Web"), options, clock)
            let heard = try #require(receiver.heard.first)
            let times = [heard.query["RequestTime"], heard.header("webhook-timestamp")]
            for time in times {
                #expect((before...clock.nowSeconds).contains(try #require(time.flatMap { Int($0) })))
            }
            #expect(before > Int(Date().timeIntervalSince1970) + 3_000, "Redis is an hour ahead")
        }
    }

    @Test("A switched-off extension is unwanted and not sent; the others are")
    func extensions() async throws {
        try await Receiver.with(status: 200) { receiver, url in
            let options = CallbackOptions(url: try CallbackURL(url), extensions: [.expired])
            #expect(try await deliver(try change(.logout, .kicked, "Web"), options) == .unwanted)
            #expect(receiver.heard.isEmpty)
            #expect(try await deliver(try change(.logout, .expired, "Web"), options) == .delivered)
            #expect(receiver.heard.count == 1)
        }
    }

    private func deliver(_ change: StatusChange, to url: String) async throws -> DeliveryOutcome {
        try await deliver(change, CallbackOptions(url: try CallbackURL(url)))
    }

    private func deliver(
        _ change: StatusChange, _ options: CallbackOptions, _ clock: RedisClock = RedisClock()
    ) async throws -> DeliveryOutcome {
        let sender = try CallbackSender(
            options: options, inFlightMax: 4, eventLoop: MultiThreadedEventLoopGroup.singleton.next(),
            now: { clock.nowSeconds })
        let outcome = await sender.deliver(change)
        await sender.close()
        return outcome
    }
}

extension DeliveryOutcome {
    var word: String {
        switch self {
        case .delivered: "delivered"
        case .unwanted: "unwanted"
        case .retry: "retry"
        case .refused: "refused"
        }
    }
}

/// A receiver that answers every request alike, and writes down what it heard.
private final class Receiver: Sendable {
    struct Heard: Sendable {
        let query: [String: String]
        let headers: HTTPHeaders
        let body: String

        func header(_ name: String) -> String? { headers[name].first }
    }

    private let requests = Mutex<[Heard]>([])

    var heard: [Heard] { requests.withLock { $0 } }

    /// - Parameter status: nil for no answer at all.
    static func with(status: Int?, body: (Receiver, String) async throws -> Void) async throws {
        let receiver = Receiver()
        try await WebServer.serving { request in
            receiver.write(
                Heard(query: request.pairs, headers: request.headers, body: String(buffer: request.body)))
            if status == nil { try? await Task.sleep(for: .seconds(60)) }
            return HTTPServerResponse(
                HTTPResponseStatus(statusCode: status ?? 200), headers: [("Location", "/cb")])
        } body: { port in
            try await body(receiver, "http://127.0.0.1:\(port)/cb")
        }
    }

    private func write(_ request: Heard) { requests.withLock { $0.append(request) } }
}

extension HTTPServerRequest {
    fileprivate var pairs: [String: String] {
        let items = query.split(separator: "&").map { pair in
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (String(parts[0]), parts.dropFirst().first?.removingPercentEncoding ?? "")
        }
        return Dictionary(items, uniquingKeysWith: { first, _ in first })
    }
}
