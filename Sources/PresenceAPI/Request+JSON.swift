import Hummingbird
import JSON
import NIOCore

extension Request {
    /// The body as a value.
    func json<Body: JSONReadable>(
        as type: Body.Type, bytesMax: Int, absent: Body? = nil
    ) async throws(Problem) -> Body {
        try Body(body: await bytes(max: bytesMax), absent: absent)
    }

    /// The whole body. What is left of one that is too large, the server discards while it waits for the
    /// connection's next request.
    func bytes(max: Int) async throws(Problem) -> ByteBuffer {
        let tooLarge = Problem(.bodyTooLarge, "Send at most \(max) bytes at once.")
        if let length = headers[.contentLength].flatMap({ Int($0) }), length > max { throw tooLarge }
        do {
            return try await body.collect(upTo: max)
        } catch is NIOTooManyBytesError {
            throw tooLarge
        } catch {
            throw Problem(.invalidJSON, "The body broke off or its framing is wrong; send it again.")
        }
    }
}
