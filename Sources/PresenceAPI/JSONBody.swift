import JSON
import NIOCore
import PresenceCore

extension JSONReadable {
    /// The body of a request as a value. Whatever Content-Type it claims, it must be one JSON object; members the type
    /// does not have are ignored, but where an order would do more without them.
    ///
    /// - Parameter absent: stands for no body at all, where a call can do without.
    init(body: ByteBuffer, absent: Self? = nil) throws(Problem) {
        if body.readableBytes == 0 {
            guard let absent else { throw Problem(.invalidJSON, "Send a JSON object as the body.") }
            self = absent
            return
        }
        do { try self.init(json: body) } catch { throw Problem(error) }
    }
}

extension JSONReader {
    /// A string that has to follow a rule, and is named where it does not.
    mutating func checked<Value>(_ make: (String) throws(InvalidInput) -> Value) throws(JSONError) -> Value {
        let text = try string()
        do { return try make(text) } catch { throw refused(error.message) }
    }
}

extension Problem {
    init(_ error: JSONError) {
        switch error.kind {
        case .malformed(let reason, let byte):
            self.init(
                .invalidJSON, "The body must be one well-formed JSON object in UTF-8; at byte \(byte) it has \(reason)."
            )
        case .missing(let field): self.init(field: field, "is required")
        case .refused("", let message): self.init(.invalidJSON, "The body \(message).")
        case .refused(let field, let message): self.init(field: field, message)
        }
    }
}
