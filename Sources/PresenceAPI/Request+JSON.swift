import HTTPServer
import JSON

extension HTTPServerRequest {
    /// The body as a value. Whatever Content-Type it claims, it must be one JSON object.
    func json<Body: JSONReadable>(as type: Body.Type, absent: Body? = nil) throws(Problem) -> Body {
        try Body(body: body, absent: absent)
    }
}
