import Feed
import HTTPServer
import JSON
import NIOCore
import NIOHTTP1

/// What a stream of events (`text/event-stream`) consists of, as it goes over the wire and browsers' `EventSource` reads
/// it.
enum ServerSentEvent {
    /// What a stream begins with: when it breaks it is worth opening again after a second.
    static let opening = ByteBuffer(string: "retry: 1000\n\n")
    /// Says nothing but that somebody is there.
    static let signOfLife = ByteBuffer(string: "\(comment)\n")
    private static let comment = ": heartbeat\n"

    /// - Parameters:
    ///   - id: where to go on. It stands last: who reads line by line goes on behind the event only once it has all of it.
    ///   - isSignOfLife: it comes while nothing happens.
    static func frame(
        _ name: String, _ data: some JSONWritable, id: String? = nil, isSignOfLife: Bool = false
    ) -> ByteBuffer {
        var frame = ByteBuffer(string: "\(isSignOfLife ? comment : "")event: \(name)\ndata: ")
        // JSON as we write it has no line feeds.
        frame.writeImmutableBuffer(data.json)
        if let id { frame.writeString("\nid: \(id)") }
        frame.writeStaticString("\n\n")
        return frame
    }

    /// The last event of a stream that the worker ends.
    static func end(_ reason: FeedEnd) -> ByteBuffer { frame("end", EndedStream(reason: reason)) }
}

private struct EndedStream: JSONWritable {
    let reason: FeedEnd

    func write(to json: inout JSONWriter) {
        json.object {
            $0.member("code", reason.rawValue)
            $0.member("detail", reason.advice)
        }
    }
}

extension HTTPServerRequest {
    /// Asks for a stream instead of one document.
    var wantsEventStream: Bool {
        headers[canonicalForm: "accept"].contains { $0.lowercased().hasPrefix("text/event-stream") }
    }
}

extension HTTPServerResponse {
    /// Caches keep none of it, and proxies pass it on as it comes.
    static func events(_ stream: some AsyncSequence<ByteBuffer, any Error> & Sendable) -> HTTPServerResponse {
        var response = HTTPServerResponse(
            .ok,
            headers: [
                ("Content-Type", "text/event-stream"), ("Cache-Control", "no-store"), ("X-Accel-Buffering", "no"),
            ], stream: stream)
        response.isEndless = true
        return response
    }

    /// The same for who asks for the head only: no stream that would have to be ended.
    static var headOfEvents: HTTPServerResponse { .events(NoParts()) }
}

/// A stream that is over.
private struct NoParts: AsyncSequence, AsyncIteratorProtocol, Sendable {
    typealias Element = ByteBuffer
    typealias Failure = any Error

    func makeAsyncIterator() -> Self { self }
    mutating func next() async throws -> ByteBuffer? { nil }
}
