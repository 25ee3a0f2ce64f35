import NIOCore
import NIOHTTP1

/// One answer. `Content-Length`, `Transfer-Encoding`, `Connection` and `Date` are the server's business.
package struct HTTPServerResponse: Sendable {
    package enum Body: Sendable {
        case bytes(ByteBuffer)
        /// Sent as it comes, no faster than the client reads; one that throws ends the connection in its midst. When
        /// the client goes, the task that asks for the next part is cancelled.
        case stream(any AsyncSequence<ByteBuffer, any Error> & Sendable)
    }

    package var status: HTTPResponseStatus
    package var headers: [(name: String, value: String)]
    package var body: Body
    /// A stream without an end of its own: a client that closes its side wants no more of it.
    package var isEndless = false

    package init(
        _ status: HTTPResponseStatus, headers: [(name: String, value: String)] = [], body: ByteBuffer = ByteBuffer()
    ) {
        self.status = status
        self.headers = headers
        self.body = .bytes(body)
    }

    package init(
        _ status: HTTPResponseStatus, headers: [(name: String, value: String)] = [],
        stream: some AsyncSequence<ByteBuffer, any Error> & Sendable
    ) {
        self.status = status
        self.headers = headers
        body = .stream(stream)
    }
}

/// Answers a request; runs on the event loop of its connection, so it must not block.
///
/// When the connection breaks, the task of a request that changes nothing by its method (GET, HEAD and the like) is
/// cancelled. Others run to their end: what they change may have happened in part, and has to be whole. A client that
/// closes its side may wait for the answer still.
package typealias HTTPServerHandler = @Sendable (HTTPServerRequest) async -> HTTPServerResponse

/// What becomes of a request, decided on its head.
package enum HTTPServerDecision: Sendable {
    /// Its body is read, then the handler asked.
    case handle(HTTPServerHandler)
    /// The answer is known already; a body is read and dropped.
    case answer(HTTPServerResponse)
    /// The connection becomes something else than HTTP. Only for requests that ask for it: those of HTTP/1.1 with an
    /// `Upgrade` that their `Connection` names.
    case upgrade(HTTPServerUpgrade)
}

/// What a connection becomes instead of HTTP.
package struct HTTPServerUpgrade: Sendable {
    /// Of the answer 101, beside `Connection`.
    package var headers: [(name: String, value: String)]
    /// Adds the handlers that get the bytes from then on, those included that came with the request. Called on the
    /// channel's event loop behind the answer 101; what it throws closes the channel. The timer was the connection's,
    /// and may be started for what it becomes.
    package var adopt: @Sendable (any Channel, LazyTimer) throws -> Void

    package init(
        headers: [(name: String, value: String)], adopt: @escaping @Sendable (any Channel, LazyTimer) throws -> Void
    ) {
        self.headers = headers
        self.adopt = adopt
    }
}

/// Why the server answers a request itself. The connection is closed behind the answer.
package enum HTTPRefusal: Error, Sendable, Equatable, CaseIterable {
    /// Not HTTP/1.1, or not in a form everybody reads alike. Usually 400.
    case malformed
    /// 431.
    case headTooLarge
    /// 413.
    case bodyTooLarge
    /// It did not come to its end in time: 408.
    case tooSlow
    /// 505.
    case unsupportedVersion
    /// `Expect` asks for something else than `100-continue`: 417.
    case expectationFailed
}
