import Feed
import HTTPServer
import NIOCore
import NIOHTTP1
import PresenceCore
import PresenceStore

// What those ask who follow changes, or want to know who is there.

extension PresenceAPI {
    func events(_ request: HTTPServerRequest) async throws -> HTTPServerResponse {
        let asked = try EventsRequest(request)
        guard asked.isStream else {
            let page = try await answered { [feed] in try await feed.page(after: asked.after, limit: asked.limit) }
            return .json(page).notStored
        }
        if request.method == .HEAD { return .headOfEvents }
        if let users = asked.users { return .events(try await changes(of: users, request)) }
        return .events(try await changes(after: asked.after))
    }

    private func changes(after: FeedCursor?) async throws -> FeedStream {
        try await answered { [feed] in try await feed.stream(after: after) }
    }

    /// Where the users stand, as a bulk query tells it, then their changes.
    private func changes(of users: [UserID], _ request: HTTPServerRequest) async throws -> FeedStream {
        try await feed.stream(of: users) { presences in
            let answer = statuses(of: zip(users, presences), withSessions: true, request)
            return ServerSentEvent.frame("snapshot", answer)
        }
    }

    /// What comes of work off the event loop; a cursor too old is told as that.
    private func answered<Value: Sendable>(
        _ work: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        do { return try await offTheLoop(work) } catch is FeedCursorExpired {
            throw Problem(
                .cursorExpired,
                "Changes since then are not kept, or the data is not what it was: take an export from its beginning "
                    + "(GET /v1/sessions) and go on from its `feed`.")
        }
    }

    func export(_ request: HTTPServerRequest) async throws -> HTTPServerResponse {
        let asked = try await ExportRequest(request, store)
        let page = try await answered { [feed] in
            try await feed.exported(after: asked.after, limit: asked.limit, asked.filter)
        }
        for (user, error) in page.unreadable { logger.unreadableRecord(of: user, error, in: request) }
        return .json(page).notStored
    }
}

extension HTTPServerResponse {
    fileprivate var notStored: HTTPServerResponse {
        var response = self
        response.headers.append(("Cache-Control", "no-store"))
        return response
    }
}
