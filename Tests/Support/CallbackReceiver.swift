import HTTPServer
import NIOCore
import NIOHTTP1
import Synchronization

/// The app's callback endpoint: a real HTTP server that writes down what it hears and answers as told.
package final class CallbackReceiver: Sendable {
    package struct Event: Sendable, Equatable {
        package let id: String
        package let user: String
        package let version: Int
        package let previous: Int
        package let action: String
        package let reason: String
        package let kicked: [String]
        package let platform: String
        package let instance: String
        package let status: String
        package let userStatus: String
        package let atMs: Int
        /// When the attempt came, by this machine's clock.
        package let heardAt: ContinuousClock.Instant

        /// `Login/Register`
        package var change: String { "\(action)/\(reason)" }

        package init(_ body: JSON) {
            let presence = body["Presence"]
            id = presence["id"].string ?? ""
            user = body["Info"]["To_Account"].string ?? ""
            version = presence["version"].int ?? 0
            previous = presence["previous"].int ?? 0
            action = body["Info"]["Action"].string ?? ""
            reason = body["Info"]["Reason"].string ?? ""
            kicked = body["KickedDevice"].list.compactMap { $0["Platform"].string }
            platform = presence["platform"].string ?? ""
            instance = presence["instance"].string ?? ""
            status = presence["status"].string ?? ""
            userStatus = presence["userStatus"].string ?? ""
            atMs = body["EventTime"].int ?? 0
            heardAt = .now
        }
    }

    /// What to answer to an attempt; 200 means the receiver has it.
    package typealias Answer = @Sendable (Event) async -> Int

    private struct State {
        var attempts: [Event] = []
        var accepted: [Event] = []
        var answer: Answer = { _ in 200 }
    }

    private let state = Mutex(State())
    private let boundPort = Mutex(0)

    package var url: String { "http://127.0.0.1:\(boundPort.withLock { $0 })/callback?app=demo" }

    /// Every attempt, in the order it came.
    package var attempts: [Event] { state.withLock(\.attempts) }

    /// What a receiver that drops duplicates by id has, in the order it first accepted them.
    package var events: [Event] {
        var seen: Set<String> = []
        return state.withLock(\.accepted).filter { seen.insert($0.id).inserted }
    }

    package func events(of user: String) -> [Event] { events.filter { $0.user == user } }

    /// `["Login/Register", "Disconnect/LinkClose"]`
    package func changes(of user: String) -> [String] { events(of: user).map(\.change) }

    package func answer(_ answer: @escaping Answer) { state.withLock { $0.answer = answer } }

    /// Runs the body beside a receiver.
    package static func withReceiver<Result: Sendable>(
        port: Int = 0, body: (CallbackReceiver) async throws -> Result
    ) async throws -> Result {
        let receiver = CallbackReceiver()
        return try await receiver.listening(on: port) { try await body(receiver) }
    }

    package init() {}

    /// Listens while the body runs; with a port of 0, on a free one.
    package func listening<Result: Sendable>(
        on port: Int = 0, body: () async throws -> Result
    ) async throws -> Result {
        try await WebServer.serving(on: port) { [self] request in
            guard request.method == .POST, request.path == "/callback",
                let event = try? JSON(parsing: String(buffer: request.body))
            else { return HTTPServerResponse(.notFound) }
            return HTTPServerResponse(HTTPResponseStatus(statusCode: await heard(event)))
        } body: { port in
            boundPort.withLock { $0 = port }
            return try await body()
        }
    }

    private func heard(_ body: JSON) async -> Int {
        let event = Event(body)
        let answer = state.withLock { state in
            state.attempts.append(event)
            return state.answer
        }
        let status = await answer(event)
        if (200..<300).contains(status) { state.withLock { $0.accepted.append(event) } }
        return status
    }
}
