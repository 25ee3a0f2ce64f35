import Feed
import HTTPServer
import NIOHTTP1
import PresenceCore
import PresenceStore

// What those ask who follow changes, or want to know who is there.

/// `GET /v1/events`, as a page or as a stream.
struct EventsRequest {
    enum Parameter: String, CaseIterable { case after, limit, users }

    /// nil: from now on.
    var after: FeedCursor?
    var limit: Int
    /// Those whose changes are wanted; nil for all.
    var users: [UserID]?
    var isStream: Bool

    init(_ request: HTTPServerRequest) throws {
        let parameters = try QueryParameters<Parameter>(request.query)
        isStream = request.wantsEventStream
        limit = try Self.limit(parameters.given(.limit), max: FeedLimits.pageChangesMax)
        users = parameters.has(.users) ? try Self.users(in: request.query) : nil
        if users != nil, !isStream {
            throw InvalidInput(field: "users", message: "is for streams: send `Accept: text/event-stream`")
        }
        // A stream of users begins with where they stand: there is nothing to go on from.
        guard users == nil else { return }
        after = try parameters.given(.after).map { try Self.cursor($0, field: "after") }
        if let last = request.headers["last-event-id"].first, !last.isEmpty {
            after = try Self.cursor(last, field: "Last-Event-ID")
        }
    }

    private static func cursor(_ text: String, field: String) throws(InvalidInput) -> FeedCursor {
        guard let cursor = FeedCursor(text) else {
            throw InvalidInput(
                field: field,
                message:
                    "must be the `id:` line of a server-sent event, the `next` of a page, or the `feed` of an export")
        }
        return cursor
    }

    static func limit(_ text: String?, max: Int) throws(InvalidInput) -> Int {
        guard let text else { return max }
        guard let limit = Int(digits: text), 1...max ~= limit else {
            throw InvalidInput(field: "limit", message: "must be a whole number from 1 to \(max)")
        }
        return limit
    }

    /// Each is decoded by itself, so that an id may have a comma. One named twice is told once.
    private static func users(in query: Substring) throws(InvalidInput) -> [UserID] {
        let name = "users="
        let pair = query.split(separator: "&").first { $0.hasPrefix(name) } ?? ""
        var users: [UserID] = []
        var seen: Set<UserID> = []
        for encoded in pair.dropFirst(name.count).utf8.split(separator: UInt8(ascii: ",")) {
            guard let id = String(percentEncoded: encoded) else {
                throw InvalidInput(field: "users", message: "must be percent-encoded UTF-8")
            }
            let user = try UserID(id, field: "users")
            if seen.insert(user).inserted { users.append(user) }
        }
        guard 1...FeedLimits.usersMax ~= users.count else {
            throw InvalidInput(
                field: "users", message: "must be 1 to \(FeedLimits.usersMax) ids, with commas between them")
        }
        return users
    }
}

/// `GET /v1/sessions`.
struct ExportRequest {
    enum Parameter: String, CaseIterable { case after, limit, status, platform }

    var after: ExportCursor?
    var limit: Int
    var filter: ExportFilter

    init(_ request: HTTPServerRequest, _ store: PresenceStore) async throws {
        let parameters = try QueryParameters<Parameter>(request.query)
        limit = try EventsRequest.limit(parameters.given(.limit), max: FeedLimits.exportedUsersMax)
        after = try parameters.given(.after).map(Self.cursor)
        filter = ExportFilter(
            status: try parameters.given(.status).map { text throws(InvalidInput) in
                guard let status = Status(rawValue: text), Status.live.contains(status) else {
                    throw InvalidInput(field: "status", message: "must be Online or PushOnline")
                }
                return status
            })
        guard let name = parameters.given(.platform) else { return }
        // Once begun it goes on, also when the last session of a platform that is in no table has ended.
        filter.platform = after == nil ? try await store.platform(ofSessions: name) : try Platform(name)
    }

    private static func cursor(_ text: String) throws(InvalidInput) -> ExportCursor {
        guard let cursor = ExportCursor(text) else {
            throw InvalidInput(field: "after", message: "must be the `next` of a page")
        }
        return cursor
    }
}
