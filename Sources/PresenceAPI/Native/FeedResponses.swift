import Feed
import Inspection
import JSON
import PresenceCore
import PresenceStore

// What those get who follow changes, or want to know who is there.

extension FeedFrames {
    /// What changes is written on the line `data`, in JSON.
    package static let serverSentEvents = FeedFrames(
        opening: ServerSentEvent.opening,
        change: { ServerSentEvent.frame("change", ToldChange($0.change), id: $0.cursor.description) },
        cursor: { ServerSentEvent.frame("cursor", NextPlace(cursor: $0), id: $0.description, isSignOfLife: true) },
        heartbeat: ServerSentEvent.signOfLife, end: ServerSentEvent.end)
}

private struct NextPlace: JSONWritable {
    let cursor: FeedCursor

    func write(to json: inout JSONWriter) { json.object { $0.member("next", cursor.description) } }
}

extension FeedPage: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("events", changes.map { ToldChange($0.change) })
            $0.member("next", next.description)
            $0.member("more", hasMore)
        }
    }
}

extension ExportPage: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("users", users.map { UserResponse(presence: $0, withSessions: true) })
            $0.member("errors", unreadable.map { StatusesResponse.Failed(user: $0.user.rawValue, .unreadableRecord) })
            $0.member("next", ifPresent: next?.description)
            $0.member("feed", feed.description)
        }
    }
}
