import Feed
import Inspection
import JSON
import NIOCore
import PresenceCore
import PresenceStore

// What those get who follow changes, or want to know who is there.

extension FeedFrames {
    /// As browsers' `EventSource` reads them: what changes is written on the line `data`, in JSON.
    package static let serverSentEvents = FeedFrames(
        opening: ByteBuffer(string: "retry: 1000\n\n"),
        change: { change in
            // The id last: who reads line by line goes on behind the change only once it has it.
            var frame = ByteBuffer(string: "event: change\ndata: ")
            frame.writeImmutableBuffer(ToldChange(change.change).json)
            frame.writeString("\nid: \(change.cursor)\n\n")
            return frame
        },
        cursor: { ByteBuffer(string: ": heartbeat\nevent: cursor\ndata: {\"next\":\"\($0)\"}\nid: \($0)\n\n") },
        heartbeat: ByteBuffer(string: ": heartbeat\n\n"),
        end: { event("end", EndedStream(reason: $0)) })

    static func event(_ name: String, _ data: some JSONWritable) -> ByteBuffer {
        var frame = ByteBuffer(string: "event: \(name)\ndata: ")
        frame.writeImmutableBuffer(data.json)
        frame.writeStaticString("\n\n")
        return frame
    }
}

private struct EndedStream: JSONWritable {
    var reason: FeedEnd

    func write(to json: inout JSONWriter) {
        json.object {
            $0.member("code", reason.rawValue)
            $0.member("detail", reason.advice)
        }
    }
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
