import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Synchronization

/// An app's backend: calls the API, going to its workers in turn.
package final class Backend: Sendable {
    package enum Method: String, Sendable {
        case get = "GET"
        case post = "POST"
        case put = "PUT"
        case delete = "DELETE"
    }

    package struct Answer: Sendable {
        package let status: Int
        package let headers: HTTPHeaders
        package let body: JSON
        package let text: String

        /// It is to be asked again later.
        package var isPutOff: Bool { status == 503 && !headers["Retry-After"].isEmpty }
    }

    private let key: String?
    private struct Workers {
        var urls: [String]
        var turn = 0
        var underWay: [String: Int] = [:]

        mutating func next() -> String {
            defer { turn += 1 }
            let url = urls[turn % urls.count]
            underWay[url, default: 0] += 1
            return url
        }
    }

    private let workers: Mutex<Workers>

    package init(_ urls: [String], key: String? = nil) {
        workers = Mutex(Workers(urls: urls))
        self.key = key
    }

    package convenience init(_ workers: PresenceProcess..., key: String? = nil) {
        self.init(workers.map(\.url), key: key)
    }

    /// From now on it calls these, as soon as the calls to others have ended.
    package func use(_ workers: [PresenceProcess]) async throws {
        let urls = workers.map(\.url)
        self.workers.withLock { $0.urls = urls }
        try await eventually(else: "calls to other workers do not end") {
            self.workers.withLock { $0.underWay.allSatisfy { urls.contains($0.key) || $0.value == 0 } }
        }
    }

    package func call(
        _ method: Method, _ path: String, body: String? = nil, headers: [(String, String)] = []
    ) async throws -> Answer {
        let url = workers.withLock { $0.next() }
        defer { workers.withLock { $0.underWay[url, default: 0] -= 1 } }
        var request = HTTPClientRequest(url: url + path)
        request.method = .RAW(value: method.rawValue)
        if let key { request.headers.add(name: "Authorization", value: "Bearer \(key)") }
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if let body { request.body = .bytes(ByteBuffer(string: body)) }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
        let text = String(buffer: try await response.body.collect(upTo: 16 << 20))
        let json = (try? JSON(parsing: text)) ?? .null
        return Answer(status: Int(response.status.code), headers: response.headers, body: json, text: text)
    }

    private func post(_ path: String, _ fields: [String: Any?]) async throws -> Answer {
        try await call(.post, path, body: Self.json(fields.compactMapValues { $0 }))
    }

    package static func json(_ value: Any) throws -> String {
        String(decoding: try JSONSerialization.data(withJSONObject: value, options: .fragmentsAllowed), as: UTF8.self)
    }

    package func login(
        _ user: String, _ platform: String, instance: String? = nil, address: String? = nil
    ) async throws -> Answer {
        try await post(
            "/v1/sessions", ["user": user, "platform": platform, "instance": instance, "address": address])
    }

    /// Logs in and gives the session; a refusal is an error.
    package func session(_ user: String, _ platform: String, instance: String? = nil) async throws -> String {
        let answer = try await login(user, platform, instance: instance)
        guard answer.status == 201, let session = answer.body["session"].string else {
            throw TimedOut(description: "no login: \(answer.status) \(answer.text)")
        }
        return session
    }

    package func heartbeat(_ beats: [(user: String, session: String)]) async throws -> Answer {
        try await post("/v1/heartbeats", ["sessions": beats.map { ["user": $0.user, "session": $0.session] }])
    }

    package func disconnect(_ user: String, _ session: String) async throws -> Answer {
        try await post("/v1/sessions/disconnect", ["user": user, "session": session])
    }

    package func logout(_ user: String, _ session: String) async throws -> Answer {
        try await post("/v1/sessions/logout", ["user": user, "session": session])
    }

    package func kick(_ user: String, platform: String? = nil, instance: String? = nil) async throws -> Answer {
        try await post("/v1/users/\(user)/kick", ["platform": platform, "instance": instance])
    }

    package func statuses(_ users: [String], detail: Bool = false) async throws -> Answer {
        try await post("/v1/statuses", ["users": users, "detail": detail])
    }

    /// The user's status word; an answer that is none is an error.
    package func status(_ user: String) async throws -> String {
        let answer = try await statuses([user])
        guard answer.status == 200, let status = answer.body["results"][0]["status"].string else {
            throw TimedOut(description: "no status: \(answer.status) \(answer.text)")
        }
        return status
    }
}
