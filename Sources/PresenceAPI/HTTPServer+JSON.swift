import HTTPServer
import JSON
import NIOHTTP1

extension HTTPServerRequest {
    /// The body as a value. Whatever Content-Type it claims, it must be one JSON object.
    func json<Body: JSONReadable>(as type: Body.Type, absent: Body? = nil) throws(Problem) -> Body {
        try Body(body: body, absent: absent)
    }
}

extension HTTPServerResponse {
    static func json(
        _ body: some JSONWritable, status: HTTPResponseStatus = .ok, headers: [(name: String, value: String)] = []
    ) -> HTTPServerResponse {
        HTTPServerResponse(status, headers: [("Content-Type", "application/json")] + headers, body: body.json)
    }
}
