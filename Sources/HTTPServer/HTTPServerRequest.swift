import NIOCore
import NIOHTTP1

/// One request, whole.
package struct HTTPServerRequest: Sendable {
    private let head: Head
    package internal(set) var body = ByteBuffer()
    /// What stands in the path where the route has names in braces, in their order and undecoded.
    package var parameters: [Substring] = []
    /// What it is named by, once somebody gave it a name.
    package var id: String?
    /// Who asks, as the log says it; nil where nobody has to say.
    package var caller: String?
    /// Where it counts; nil for a path that is none of the API's.
    package var route: RouteFigures?
    /// When its head was there.
    var receivedAt: NIODeadline?

    /// In an object, as a request goes through many hands.
    private final class Head: Sendable {
        let method: HTTPMethod
        let target: String
        let path: Substring
        let query: Substring
        let headers: HTTPHeaders
        let length: Length
        let isHTTP10: Bool
        let keepsAlive: Bool
        let expectsContinue: Bool
        let offersUpgrade: Bool
        let sentID: String?

        init(_ head: RequestHead) throws(HTTPRefusal) {
            let framing = head.framing
            try framing.checkHost(isHTTP10: head.isHTTP10)
            try framing.checkExpectations(isHTTP10: head.isHTTP10)
            length = try framing.length(isHTTP10: head.isHTTP10)
            (path, query) = try HTTPServerRequest.parts(of: head.target, head.method, host: framing.host)
            method = head.method
            target = head.target
            headers = HTTPHeaders(head.fields)
            isHTTP10 = head.isHTTP10
            keepsAlive = !isHTTP10 && !framing.closes
            expectsContinue = !isHTTP10 && framing.expectsContinue && length.isSome
            sentID = framing.requestID
            offersUpgrade = !isHTTP10 && framing.offersUpgrade
            // What follows it is of the other protocol to some.
            if method == .CONNECT, length.isSome { throw .malformed }
        }
    }

    enum Length {
        case none
        case bytes(Int)
        /// Until the last chunk.
        case chunked

        fileprivate var isSome: Bool {
            switch self {
            case .none, .bytes(0): false
            case .bytes, .chunked: true
            }
        }
    }

    init(_ head: RequestHead) throws(HTTPRefusal) { self.head = try Head(head) }
}

extension HTTPServerRequest {
    package var method: HTTPMethod { head.method }
    /// As sent, whatever its form.
    package var target: String { head.target }
    /// As sent, undecoded, without the query; of `CONNECT` and `OPTIONS *` all there is.
    package var path: Substring { head.path }
    /// As sent, behind the first `?`; empty without one.
    package var query: Substring { head.query }
    package var headers: HTTPHeaders { head.headers }
    /// Asks for another protocol: has an `Upgrade` that its `Connection` names, in HTTP/1.1.
    package var offersUpgrade: Bool { head.offersUpgrade }

    /// Its `X-Request-Id`, unchecked; empty if it has several.
    package var sentID: String? { head.sentID }

    var isHTTP10: Bool { head.isHTTP10 }
    var length: Length { head.length }
    /// The connection may serve another request behind this one.
    var keepsAlive: Bool { head.keepsAlive }
    /// Its body comes when it is told to go on.
    var expectsContinue: Bool { head.expectsContinue }

    /// Nothing is changed by it (RFC 9110, section 9.2.1).
    var isSafe: Bool {
        switch head.method {
        case .GET, .HEAD, .OPTIONS, .TRACE: true
        default: false
        }
    }
}

extension HTTPServerRequest {
    /// Origin form, or absolute form for the very host; `*` and an authority only where they belong.
    private static func parts(
        of target: String, _ method: HTTPMethod, host: String
    ) throws(HTTPRefusal) -> (path: Substring, query: Substring) {
        let target = target[...]
        if method == .CONNECT || method == .OPTIONS && target == "*" { return (target, "") }
        if target.utf8.first == UInt8(ascii: "/") { return split(target) }
        guard let scheme = ["http://", "https://"].first(where: { target.prefix($0.utf8.count).equals($0) }) else {
            throw .malformed
        }
        let rest = target.dropFirst(scheme.utf8.count)
        let end = rest.utf8.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") } ?? rest.endIndex
        guard !host.isEmpty, rest[..<end].equals(host) else { throw .malformed }
        let (path, query) = split(rest[end...])
        return (path.isEmpty ? "/" : path, query)
    }

    private static func split(_ target: Substring) -> (path: Substring, query: Substring) {
        guard let mark = target.utf8.firstIndex(of: UInt8(ascii: "?")) else { return (target, "") }
        return (target[..<mark], target[target.utf8.index(after: mark)...])
    }
}
