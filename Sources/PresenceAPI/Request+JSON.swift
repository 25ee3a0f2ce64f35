import Foundation
import HTTPServer
import NIOCore

extension HTTPServerRequest {
    /// The body as a value. Whatever Content-Type it claims, it must be one JSON object; members the
    /// type does not have are ignored. `absent` stands for no body at all, where a call can do without.
    func json<Body: Decodable>(
        as type: Body.Type, absent: Body? = nil
    ) throws(Problem) -> Body {
        let bytes = body
        if bytes.readableBytes == 0 {
            guard let absent else { throw Problem(.invalidJSON, "Send a JSON object as the body.") }
            return absent
        }
        // The decoder would take UTF-16 and UTF-32 too.
        guard !bytes.readableBytesView.prefix(4).contains(where: { $0 == 0 || $0 >= 0xFE }) else {
            throw Problem(.invalidJSON, "The body must be one well-formed JSON object in UTF-8.")
        }
        do {
            return try JSONDecoder().decode(type, from: Data(bytes.readableBytesView))
        } catch {
            throw Problem(error)
        }
    }
}

extension Problem {
    /// What `JSONDecoder` has against a body, in the words of somebody who knows only the JSON.
    init(_ error: DecodingError) {
        switch error {
        case .keyNotFound(let key, let context):
            self.init(field: (context.codingPath + [key]).field, "is required")
        case .typeMismatch(let type, let context), .valueNotFound(let type, let context):
            if context.codingPath.isEmpty {
                self.init(.invalidJSON, "The body must be \(Self.name(of: type)).")
            } else {
                self.init(field: context.codingPath.field, "must be \(Self.name(of: type))")
            }
        case .dataCorrupted(let context) where !context.codingPath.isEmpty:
            self.init(field: context.codingPath.field, "cannot be read")
        default:
            self.init(.invalidJSON, "The body must be one well-formed JSON object in UTF-8.")
        }
    }

    private static func name(of type: any Any.Type) -> String {
        switch type {
        case is String.Type: "a string"
        case is Bool.Type: "true or false"
        case is Int.Type: "a whole number"
        case is any Collection.Type where !(type is any ExpressibleByDictionaryLiteral.Type): "an array"
        default: "a JSON object"
        }
    }
}

extension [any CodingKey] {
    /// `sessions[3].session`
    fileprivate var field: String {
        reduce(into: "") { path, key in
            if let index = key.intValue {
                path += "[\(index)]"
            } else {
                path += path.isEmpty ? key.stringValue : ".\(key.stringValue)"
            }
        }
    }
}
