import HTTPServer
import NIOCore
import NIOHTTP1

/// One event of a stream of them (`text/event-stream`), as it goes over the wire.
enum ServerSentEvent {
    /// - Parameter data: JSON, which has no line feeds.
    static func frame(_ name: String, _ data: ByteBuffer) -> ByteBuffer {
        var (frame, data) = (ByteBuffer(string: "event: \(name)\ndata: "), data)
        frame.writeBuffer(&data)
        frame.writeString("\n\n")
        return frame
    }
}

extension HTTPServerRequest {
    /// Asks for a stream instead of one document.
    var wantsEventStream: Bool { headers["accept"].contains { $0.lowercased().contains("text/event-stream") } }
}
