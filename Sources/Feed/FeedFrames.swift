import NIOCore
import PresenceStore

/// Why a stream ends.
package enum FeedEnd: String, Sendable, CaseIterable {
    /// The worker stops: another one goes on.
    case stopping
    /// More waited than may.
    case tooSlow = "too-slow"
    /// Changes may have been trimmed unread while Redis could not be asked, or what stands in Redis is not what it was.
    case changesMissed = "changes-missed"
    /// The stream went on from a cursor whose changes were trimmed before it came to them.
    case cursorExpired = "cursor-expired"
    /// Whoever followed has gone.
    case left

    private static let goingOn =
        "A stream of changes goes on from the last id, one that begins with where things stand needs none."

    /// What to do, as sentences: the same for streams of all changes, of users and of the overview.
    package var advice: String {
        switch self {
        case .stopping: "This worker stops: connect again. \(Self.goingOn)"
        case .tooSlow: "You read more slowly than there is to tell: connect again. \(Self.goingOn)"
        case .changesMissed:
            "Changes may be missing from here on. With `users` connect again: a stream of users begins with where they "
                + "stand. Without take an export (GET /v1/sessions) and go on from its feed cursor."
        case .cursorExpired:
            "Changes may be missing from here on: take an export (GET /v1/sessions) and go on from its feed cursor."
        case .left: "You closed the connection."
        }
    }
}

/// How what is told is written. Made once, shared by all who are told.
package struct FeedFrames: Sendable {
    /// What a stream begins with.
    package var opening: ByteBuffer
    package var change: @Sendable (FeedChange) -> ByteBuffer
    /// Where to go on while nothing happens.
    package var cursor: @Sendable (FeedCursor) -> ByteBuffer
    /// A sign of life that says nothing.
    package var heartbeat: ByteBuffer
    package var end: @Sendable (FeedEnd) -> ByteBuffer

    package init(
        opening: ByteBuffer, change: @escaping @Sendable (FeedChange) -> ByteBuffer,
        cursor: @escaping @Sendable (FeedCursor) -> ByteBuffer,
        heartbeat: ByteBuffer, end: @escaping @Sendable (FeedEnd) -> ByteBuffer
    ) {
        self.opening = opening
        self.change = change
        self.cursor = cursor
        self.heartbeat = heartbeat
        self.end = end
    }
}
