import Support
import Testing

extension Deployment {
    /// Path and query of a client's request.
    static func target(_ user: String, _ platform: String, _ query: KeyValuePairs<String, String> = [:]) -> String {
        "/v1/connect?user=\(user)&platform=\(platform)" + query.map { "&\($0)=\($1)" }.joined()
    }

    /// Runs the body with a client's socket of which nothing was read yet.
    func withSocket<Result: Sendable>(
        _ user: String, _ platform: String = "Windows", at worker: Int = 0,
        query: KeyValuePairs<String, String> = [:], headers: [String: String?] = [:],
        body: (RawWebSocket) async throws -> Result
    ) async throws -> Result {
        try await RawWebSocket.with(
            port: workers[worker].port, Self.target(user, platform, query), headers: headers, body: body)
    }

    /// Runs the body with a client that is logged in, or has resumed, and its welcome.
    func withClient<Result: Sendable>(
        _ user: String, _ platform: String = "Windows", at worker: Int = 0,
        query: KeyValuePairs<String, String> = [:], headers: [String: String?] = [:],
        body: (RawWebSocket, Welcome) async throws -> Result
    ) async throws -> Result {
        try await withSocket(user, platform, at: worker, query: query, headers: headers) { socket in
            try await body(socket, try await socket.welcome())
        }
    }

    /// Logs a user in through one worker, as its backend would.
    func login(_ user: String, _ platform: String, at worker: Int) async throws -> String {
        try await Backend(workers[worker]).session(user, platform)
    }

    func kick(_ user: String, at worker: Int, reason: String? = nil) async throws {
        let body = try Backend.json(reason.map { ["reason": $0] } ?? [:])
        let answer = try await Backend(workers[worker]).call(.post, "/v1/users/\(user)/kick", body: body)
        #expect(answer.status == 200, "\(answer.text)")
    }

    /// The user has had these changes and no others, once all that was closed before is recorded and heard.
    func expectChanges(of user: String, _ changes: String...) async throws {
        try await recordWhatIsClosed()
        let path = "/v1/users/\(user)"
        let version = try await Backend(workers.filter(\.child.isRunning).map(\.url)).call(.get, path).body["version"]
            .int
        // The shard's owner may have been killed: then another worker delivers, 12 s later at most.
        try await eventually(else: "\(user) had \(receiver.changes(of: user)), not \(changes)") {
            receiver.events(of: user).last?.version ?? 0 == version
        }
        #expect(receiver.changes(of: user) == changes)
    }

    /// What a worker does for a socket that closed it has done when it has recorded one that closed later.
    private func recordWhatIsClosed() async throws {
        for index in workers.indices where workers[index].child.isRunning {
            let neighbour = newUser()
            try await withClient(neighbour, at: index) { _, _ in }
            try await eventually(else: "a closed socket is not recorded") {
                try await Backend(workers[index]).status(neighbour) == "Offline"
            }
        }
    }
}

func newUser() -> String { "user-\(UInt64.random(in: 0...UInt64.max))" }

struct Welcome: Sendable {
    let session: String
    let version: Int
    let resumed: Bool
}

/// How the server ended a connection.
struct Closing: Sendable, Equatable {
    var code: Int
    var reason: String
}

extension RawWebSocket {
    func say(_ type: String) { send(.text(#"{"type":"\#(type)"}"#)) }

    func welcome() async throws -> Welcome {
        let message = try await message()
        try #require(message["type"].string == "welcome", "\(message)")
        return Welcome(
            session: try #require(message["session"].string), version: try #require(message["version"].int),
            resumed: message["resumed"] == .bool(true))
    }

    /// The close that comes next, answered as a client must, and the end of the connection after it.
    func closing() async throws -> Closing {
        let frame = try #require(try await answer(), "ended without a close")
        let code = try #require(frame.closeCode, "\(String(decoding: frame.payload, as: UTF8.self))")
        send(frame.with(\.isMasked, true))
        while try await next() != nil {}
        return Closing(code: code, reason: String(decoding: frame.payload.dropFirst(2), as: UTF8.self))
    }

    /// The client is told, within a second from now, that that session, or an operator, forced it offline, and closed.
    func expectKicked(by session: String?, reason: String? = nil) async throws {
        let (message, time) = try await timedAnswer()
        #expect(time < .seconds(1))
        let parts = session?.split(separator: ":").map(String.init)
        #expect(message["type"].string == "kicked")
        #expect(message["by"].string == (session == nil ? "operator" : "session"))
        #expect(message["platform"].string == parts?[0] && message["instance"].string == parts?[1], "\(message)")
        #expect(message["reason"].string == reason)
        #expect(try await closing().code == 4000)
    }

    /// The next message, and how long it took by a clock that stands still while this process is kept from running.
    private func timedAnswer() async throws -> (JSON, Duration) {
        try await withThrowingTaskGroup { group in
            group.addTask {
                let nap = Duration.milliseconds(10)
                var time = Duration.zero
                while (try? await Task.sleep(for: nap)) != nil { time += nap }
                return time
            }
            let message = try await messageAnswer()
            group.cancelAll()
            return (message, try await group.next() ?? .zero)
        }
    }

    /// The client is told that the session was logged out, and closed.
    func expectLoggedOut() async throws {
        #expect(try await messageAnswer()["type"].string == "logout")
        #expect(try await closing().code == 1000)
    }

    /// The client is not let in.
    func expectRefusal(_ error: String, closes code: Int) async throws {
        _ = try await refusal(error, closes: code)
    }

    func refusal(_ error: String, closes code: Int) async throws -> Closing {
        let message = try await messageAnswer()
        #expect(message["type"].string == "error" && message["code"].string == error, "\(message)")
        let closing = try await closing()
        #expect(closing.code == code)
        return closing
    }

    /// The next heartbeat is acknowledged.
    func expectHeartbeat() async throws {
        say("heartbeat")
        let message = try await message()
        #expect(message == .object(["type": .text("heartbeat")]), "\(message)")
    }
}
