import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import Support
import Synchronization

/// Calls the HTTP API as an app's backend does, any worker at each call, and writes down what came of it.
package final class Caller: Sendable {
    private static let timeout: TimeAmount = .seconds(8)

    private let recorder: Recorder
    private let client: HTTPClient
    private let urls: [String]
    private let dice: Mutex<SeededGenerator>

    private init(_ urls: [String], _ recorder: Recorder) {
        self.recorder = recorder
        self.urls = urls
        dice = Mutex(SeededGenerator(seed: recorder.seed ^ 0xCA11))
        var configuration = HTTPClient.Configuration()
        configuration.timeout.connect = .seconds(2)
        // A call that was not sent has failed: it is not to be sent later.
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 64
        client = HTTPClient(eventLoopGroup: .singletonMultiThreadedEventLoopGroup, configuration: configuration)
    }

    /// Runs the body beside a caller of these workers.
    package static func with<Result>(
        _ urls: [String], _ recorder: Recorder, body: (Caller) async throws -> Result
    ) async throws -> Result {
        let caller = Caller(urls, recorder)
        do {
            let result = try await body(caller)
            try await caller.client.shutdown()
            return result
        } catch {
            try? await caller.client.shutdown()
            throw error
        }
    }

    package func login(_ user: String, _ platform: String, _ instance: String) async -> Call {
        var call = Call(.login, user, begunMs: recorder.nowMs)
        call.device = "\(platform):\(instance)"
        let fields = ["user": user, "platform": platform, "instance": instance]
        return await made(call, "/v1/sessions", fields) { call, body in
            call.session = body["session"].string
            call.version = body["version"].int
            call.status = body["status"].string
            call.sessions = Self.ended(body["kicked"])
        }
    }

    package func heartbeat(_ user: String, _ session: String) async -> Call {
        var call = Call(.heartbeat, user, begunMs: recorder.nowMs)
        call.session = session
        return await made(call, "/v1/heartbeats", ["sessions": [["user": user, "session": session]]]) { call, body in
            call.isGone = !body["gone"].list.isEmpty
            if !body["errors"].list.isEmpty { (call.outcome, call.why) = (.unknown, "in errors") }
        }
    }

    package func disconnect(_ user: String, _ session: String) async -> Call { await end(.disconnect, user, session) }

    package func logout(_ user: String, _ session: String) async -> Call { await end(.logout, user, session) }

    private func end(_ kind: Call.Kind, _ user: String, _ session: String) async -> Call {
        var call = Call(kind, user, begunMs: recorder.nowMs)
        call.session = session
        return await made(call, "/v1/sessions/\(kind)", ["user": user, "session": session]) { call, body in
            call.version = body["version"].int
            call.status = body["status"].string
            call.userStatus = body["userStatus"].string
            call.isSuperseded = body["superseded"].bool ?? false
        }
    }

    /// - Parameter platform: empty for all.
    package func kick(_ user: String, platform: String = "") async -> Call {
        var call = Call(.kick, user, begunMs: recorder.nowMs)
        call.device = platform
        let fields = platform.isEmpty ? [:] : ["platform": platform]
        return await made(call, "/v1/users/\(user)/kick", fields) { call, body in
            call.version = body["version"].int
            call.status = body["status"].string
            call.sessions = Self.ended(body["kicked"])
        }
    }

    package func query(_ user: String) async -> Call {
        let call = Call(.query, user, begunMs: recorder.nowMs)
        return await made(call, "/v1/statuses", ["users": [user], "detail": true]) { call, body in
            if body["results"].list.isEmpty {
                (call.outcome, call.why) = (.failed, "in errors")
                return
            }
            let result = body["results"][0]
            call.version = result["version"].int
            call.status = result["status"].string
            call.sessions = Self.shown(result)
        }
    }

    /// What is said of users when all is quiet; nil while it is not said of all.
    package func answers(of users: [String]) async -> [Dump.User]? {
        var call = Call(.query, "", begunMs: recorder.nowMs)
        guard let body = await answer(&call, "/v1/statuses", ["users": users, "detail": true]), call.isOK,
            body["errors"].list.isEmpty
        else { return nil }
        return body["results"].list.map {
            Dump.User(
                user: $0["user"].string ?? "", version: $0["version"].int ?? 0, sessions: Self.shown($0))
        }
    }

    private static func ended(_ list: JSON) -> [Call.Seen] {
        list.list.map { .init(session: $0["session"].string ?? "", status: "Offline") }
    }

    private static func shown(_ user: JSON) -> [Call.Seen] {
        user["sessions"].list.map { .init(session: $0["session"].string ?? "", status: $0["status"].string ?? "") }
    }

    private func made(
        _ call: Call, _ path: String, _ fields: [String: Any], take: (inout Call, JSON) -> Void
    ) async -> Call {
        var call = call
        if let body = await answer(&call, path, fields), call.isOK { take(&call, body) }
        call.endedMs = recorder.nowMs
        recorder.add(call)
        return call
    }

    private func answer(_ call: inout Call, _ path: String, _ fields: [String: Any]) async -> JSON? {
        let url = dice.withLock { urls.randomElement(using: &$0) ?? "" }
        do {
            let body = try JSONSerialization.data(withJSONObject: fields)
            var request = HTTPClientRequest(url: url + path)
            request.method = .POST
            request.body = .bytes(ByteBuffer(bytes: body))
            let response = try await client.execute(request, timeout: Self.timeout)
            let text = String(buffer: try await response.body.collect(upTo: 16 << 20))
            let json = (try? JSON(parsing: text)) ?? .null
            (call.outcome, call.why) = Self.outcome(Int(response.status.code), json["code"].string ?? text)
            return json
        } catch {
            (call.outcome, call.why) = (Self.wasNotSent(error) ? .failed : .unknown, "\(error)")
            return nil
        }
    }

    /// A 503 says that it may have been done, but for those decided before the script ran.
    private static func outcome(_ status: Int, _ code: String) -> (Call.Outcome, String) {
        switch status {
        case 200..<300: (.ok, "")
        case 400..<500: (.failed, "\(status) \(code)")
        default: (.unknown, "\(status) \(code)")
        }
    }

    private static func wasNotSent(_ error: any Error) -> Bool {
        error is NIOConnectionError || (error as? HTTPClientError) == .connectTimeout
            || (error as? IOError)?.errnoCode == ECONNREFUSED
    }
}
