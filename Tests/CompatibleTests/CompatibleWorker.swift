import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Support
import UserSig

/// A running worker with the compatible API, maybe beside others, and the backend of its administrator.
struct CompatibleWorker: Sendable {
    static let sdkAppID = 1_400_000_000
    static let secretKey = "5bd2850fff3ecb11d7c805251c51ee463a25727bddc2385f3fa8bfee1bb93b5e"
    static let key = UserSigKey(sdkAppID: sdkAppID, secretKey: secretKey)
    /// Nobody falls silent while a test runs.
    static let settings = [
        "app.id": "\(sdkAppID)", "app.secret-key": secretKey, "app.admins": "administrator,second admin",
        "login.policy": "multi",
        "heartbeat.mobile-timeout-ms": "400000", "heartbeat.desktop-timeout-ms": "400000",
        "heartbeat.browser-timeout-ms": "400000", "push.retention-ms": "400000",
    ]

    let deployment: Deployment
    var backend: Backend { deployment.backend }
    /// Whom the administrator calls.
    var worker: PresenceProcess { deployment.workers[number] }
    private var number = 0

    static func with(
        workers count: Int = 1, _ more: [String: String] = [:], redis arguments: [String] = [],
        credentials: String = RedisServer.serviceCredentials, body: (CompatibleWorker) async throws -> Void
    ) async throws {
        try await Deployment.with(
            workers: count, redis: arguments, settings.merging(more) { $1 }, credentials: credentials
        ) {
            deployment in
            try await body(CompatibleWorker(deployment: deployment))
        }
    }

    /// Another worker of the same deployment.
    func beside(_ number: Int) -> CompatibleWorker {
        var other = self
        other.number = number
        return other
    }

    static func now() -> Int { Int(Date().timeIntervalSince1970) }

    /// A usersig issued now, or so many seconds from now.
    static func userSig(
        _ identifier: String, after seconds: Int = 0, lifetime: Int = 3_600, key: UserSigKey = key
    ) -> String {
        key.issue(to: identifier, issuedAt: now() + seconds, lifetime: lifetime)
    }

    /// The query of a call, as clients send it.
    static func query(
        app: String = "\(sdkAppID)", identifier: String = "administrator", userSig: String? = nil
    ) -> String {
        "sdkappid=\(app)&identifier=\(identifier)&usersig=\(userSig ?? self.userSig(identifier))"
            + "&random=4294967295&contenttype=json"
    }

    func call(_ command: String, _ body: String, query: String = query()) async throws -> Reply {
        try await send(.POST, "/v4/\(command)?\(query)", Array(body.utf8))
    }

    func send(
        _ method: HTTPMethod, _ path: String, _ body: [UInt8], headers: HTTPHeaders = [:]
    ) async throws -> Reply {
        var request = HTTPClientRequest(url: worker.url + path)
        request.method = method
        request.headers = headers
        if !body.isEmpty { request.body = .bytes(ByteBuffer(bytes: body)) }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
        let text = String(buffer: try await response.body.collect(upTo: 1 << 20))
        return Reply(
            status: Int(response.status.code), type: response.headers.first(name: "Content-Type"), text: text,
            json: (try? JSON(parsing: text)) ?? .null)
    }

    /// The user's one entry in the answer to a query with detail.
    func status(of user: String) async throws -> JSON {
        try await call("openim/query_online_status", #"{"To_Account":["\#(user)"],"IsNeedDetail":1}"#)
            .json["QueryResult"][0]
    }

    func login(_ user: String, _ platform: String, userSig: String) async throws -> Backend.Answer {
        let body = ["user": user, "platform": platform, "userSig": userSig]
        return try await backend.call(.post, "/v1/sessions", body: try Backend.json(body))
    }
}

struct Reply: Sendable {
    let status: Int
    let type: String?
    let text: String
    let json: JSON

    var code: Int? { json["ErrorCode"].int }

    /// Whether the outcome has the form every answer has.
    var isWellFormed: Bool {
        guard status == 200, type == "application/json", let code, let info = json["ErrorInfo"].string else {
            return false
        }
        return json["ActionStatus"].string == (code == 0 ? "OK" : "FAIL") && info.isEmpty == (code == 0)
    }
}

/// A program in Python, in the environment `Scripts/test` makes.
enum Python {
    static func start(_ file: String, _ arguments: [String], folder: String) throws -> ChildProcess {
        let tests = URL(filePath: #filePath).deletingLastPathComponent()
        let interpreter = tests.appending(path: "../../.build/python/bin/python3").standardized.path
        guard FileManager.default.isExecutableFile(atPath: interpreter) else {
            throw MissingPython()
        }
        let script = tests.appending(path: "Python/\(file)").path
        return try ChildProcess([interpreter, "-B", script] + arguments, folder: folder, log: "\(file).out")
    }
}

struct MissingPython: Error, CustomStringConvertible {
    let description = "The Python packages of these tests are not installed: run Scripts/test once."
}
