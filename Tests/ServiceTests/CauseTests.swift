import HTTPServer
import NIOCore
import NIOHTTP1
import RedisClient
import Support
import Synchronization
import Testing

@Suite("A call and its callbacks", .timeLimit(.minutes(3)))
struct CauseTests {
    private static let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    /// What a receiver was told: user, change, `X-Request-Id` and `traceparent`.
    private struct Attempt: Sendable {
        let event: CallbackReceiver.Event
        let request: [String]
        let trace: [String]
    }

    /// A receiver that writes down the headers.
    private final class Receiver: Sendable {
        let attempts = Mutex<[Attempt]>([])
        let status = Mutex(200)

        func of(_ user: String) -> [Attempt] { attempts.withLock { $0.filter { $0.event.user == user } } }

        static func with(_ body: (Receiver, String) async throws -> Void) async throws {
            let receiver = Receiver()
            try await WebServer.serving { request in
                guard let body = try? JSON(parsing: String(buffer: request.body)) else {
                    return HTTPServerResponse(.badRequest)
                }
                let attempt = Attempt(
                    event: CallbackReceiver.Event(body), request: request.headers["X-Request-Id"],
                    trace: request.headers["traceparent"])
                receiver.attempts.withLock { $0.append(attempt) }
                // Nobody else's events make it a failing receiver.
                let status = attempt.event.user == "other" ? 200 : receiver.status.withLock(\.self)
                return HTTPServerResponse(HTTPResponseStatus(statusCode: status))
            } body: { port in
                try await body(receiver, "http://127.0.0.1:\(port)/callback")
            }
        }
    }

    @Test("The name and the trace of a call are told with each change it made, and with no other")
    func told() async throws {
        try await Receiver.with { receiver, url in
            try await Deployment.with(workers: 1, ["callback.url": url]) { deployment in
                let backend = deployment.backend
                func call(_ path: String, _ body: String, _ id: String) async throws -> Backend.Answer {
                    try await backend.call(
                        .post, path, body: body, headers: [("x-request-id", id), ("Traceparent", Self.trace)])
                }
                let login = try await call("/v1/sessions", #"{"user":"ann","platform":"iPhone"}"#, "login-1")
                #expect(login.status == 201 && login.headers["X-Request-Id"] == ["login-1"])
                let session = #"{"user":"ann","session":"\#(login.body["session"].string ?? "")"}"#
                _ = try await call("/v1/sessions/disconnect", session, "disconnect-1")
                _ = try await call("/v1/sessions/logout", session, "logout-1")
                _ = try await backend.login("ann", "Web")
                let kick = try await backend.kick("ann")
                try await eventually(else: "not all is told") { receiver.of("ann").count == 5 }
                let attempts = receiver.of("ann")
                let ids = attempts.map(\.request)
                #expect(ids.prefix(3) == [["login-1"], ["disconnect-1"], ["logout-1"]])
                #expect(attempts.prefix(3).map(\.trace) == [[Self.trace], [Self.trace], [Self.trace]])
                // Debugging, the worker names every call; else only what an operator does.
                #expect(ids[4] == kick.headers["X-Request-Id"] && ids[4].count == 1)
                #expect(attempts.suffix(2).map(\.trace) == [[], []])
            }
        }
    }

    @Test(
        "Headers that are no name and no trace go nowhere",
        arguments: [
            ("a b", "00-0-0-01"), ("x\"y", ""), ("a,b", "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
            (String(repeating: "x", count: 65), "00-00000000000000000000000000000000-b7ad6b7169203331-01"),
        ])
    func hostile(_ id: String, _ trace: String) async throws {
        try await Receiver.with { receiver, url in
            try await Deployment.with(workers: 1, ["callback.url": url, "log.level": "info"]) { deployment in
                let answer = try await deployment.backend.call(
                    .post, "/v1/sessions", body: #"{"user":"ann","platform":"Web"}"#,
                    headers: [("X-Request-Id", id), ("traceparent", trace), ("traceparent", Self.trace)])
                #expect(answer.status == 201)
                let made = answer.headers["X-Request-Id"]
                #expect(made.count == 1 && made[0].wholeMatch(of: /[0-9a-f]{16}/) != nil)
                try await eventually(else: "it is not told") { receiver.of("ann").count == 1 }
                #expect(receiver.of("ann")[0].request == made)
                #expect(receiver.of("ann")[0].trace == [])
            }
        }
    }

    @Test(
        "They are told on every attempt: after a worker's death, of what was set aside, and of a dead letter replayed")
    func deadWorker() async throws {
        try await Receiver.with { receiver, url in
            receiver.status.withLock { $0 = 503 }
            try await Deployment.with(workers: 2, ["callback.url": url, "shards": "1"]) { deployment in
                let backend = deployment.backend
                let answer = try await backend.call(
                    .post, "/v1/sessions", body: #"{"user":"ann","platform":"Web"}"#,
                    headers: [("X-Request-Id", "ann-1"), ("traceparent", Self.trace)])
                #expect(answer.status == 201)
                try await eventually(else: "it is not tried") { receiver.of("ann").count >= 2 }
                // The one that tries is not known: each is stopped in turn.
                for worker in deployment.workers {
                    let before = receiver.of("ann").count
                    worker.pause()
                    try await eventually(else: "nobody tries") {
                        receiver.of("ann").count > before + 1
                    }
                    worker.resume()
                }
                // Others' events are taken: it is set aside.
                try await eventually(timeout: .seconds(60), else: "it is not set aside") {
                    _ = try await backend.login("other", "Web")
                    return try await deployment.redis.withClient { redis in
                        try await redis.send(RedisCommand("XLEN", key: Deployment.key(0, "aside"))) != .integer(0)
                    }
                }
                let before = receiver.of("ann").count
                receiver.status.withLock { $0 = 200 }
                try await eventually(else: "it is not delivered") {
                    receiver.of("ann").count > before
                }
                // Silent, ann is lost meanwhile: no call made that change.
                for attempt in receiver.of("ann") where attempt.event.reason == "Register" {
                    #expect(attempt.request == ["ann-1"] && attempt.trace == [Self.trace])
                }
            }
        }
    }
}
