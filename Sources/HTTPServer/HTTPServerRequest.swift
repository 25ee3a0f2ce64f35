import NIOCore
import NIOHTTP1

/// One request, whole.
package struct HTTPServerRequest: Sendable {
    package let method: HTTPMethod
    /// As sent, whatever its form.
    package let target: String
    /// As sent, undecoded, without the query; of `CONNECT` and `OPTIONS *` all there is.
    package let path: Substring
    /// As sent, behind the first `?`; empty without one.
    package let query: Substring
    package let headers: HTTPHeaders
    package internal(set) var body = ByteBuffer()
    /// What stands in the path where the route has names in braces, in their order and undecoded.
    package var parameters: [Substring] = []

    /// Asks for another protocol: has an `Upgrade` that its `Connection` names, in HTTP/1.1.
    package let offersUpgrade: Bool

    let isHTTP10: Bool
    /// The connection may serve another request behind this one.
    let keepsAlive: Bool
    let length: Length
    let expectsContinue: Bool
    /// NIO's decoder takes everything behind this request for another protocol.
    let stopsDecoder: Bool

    enum Length {
        case none
        case bytes(Int)
        /// Until the last chunk.
        case chunked
    }

    var hasBody: Bool {
        switch length {
        case .none, .bytes(0): false
        case .bytes, .chunked: true
        }
    }
}

extension HTTPServerRequest {
    /// Checks what NIO's decoder lets through and others could read in another way (RFC 9112).
    init(_ head: HTTPRequestHead) throws(HTTPRefusal) {
        let fields = try Fields(head.headers)
        isHTTP10 = head.version == .http1_0
        guard isHTTP10 || head.version == .http1_1 else { throw .unsupportedVersion }
        guard fields.hosts == 1 || isHTTP10 && fields.hosts == 0 else { throw .malformed }
        guard fields.expectations.allSatisfy({ $0.equals("100-continue") }) else { throw .expectationFailed }
        (path, query) = try Self.target(of: head, host: fields.host)
        length = try fields.length(isHTTP10: isHTTP10)
        method = head.method
        target = head.uri
        headers = head.headers
        keepsAlive = !isHTTP10 && !fields.closes
        expectsContinue = !isHTTP10 && !fields.expectations.isEmpty
        let isUpgrade = fields.hasUpgrade && fields.namesUpgrade
        offersUpgrade = isUpgrade && !isHTTP10
        stopsDecoder = isUpgrade || head.method == .CONNECT
        if method == .CONNECT, hasBody { throw .malformed }
    }

    /// Origin form, or absolute form for the very host; `*` and an authority only where they belong.
    private static func target(
        of head: HTTPRequestHead, host: String
    ) throws(HTTPRefusal) -> (path: Substring, query: Substring) {
        let uri = head.uri[...]
        if head.method == .CONNECT || head.method == .OPTIONS && uri == "*" { return (uri, "") }
        guard !uri.utf8.contains(UInt8(ascii: "#")) else { throw .malformed }
        if uri.utf8.first == UInt8(ascii: "/") { return split(uri) }
        guard let scheme = ["http://", "https://"].first(where: { uri.prefix($0.utf8.count).equals($0) }) else {
            throw .malformed
        }
        let rest = uri.dropFirst(scheme.utf8.count)
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

/// The fields that say how a request is to be read.
private struct Fields {
    var hosts = 0
    var host = ""
    var expectations: [String] = []
    var closes = false
    var hasUpgrade = false
    var namesUpgrade = false
    var lengths = 0
    var length = ""
    var codings = 0
    var coding = ""

    /// In one pass, as this is done for every request.
    init(_ headers: HTTPHeaders) throws(HTTPRefusal) {
        for (name, value) in headers {
            switch name.utf8.count {
            case 4 where name.equals("host"):
                guard value.utf8.allSatisfy(\.isInHost) else { throw .malformed }
                hosts += 1
                host = value
            case 6 where name.equals("expect"): expectations.append(value)
            case 7 where name.equals("upgrade"):
                guard !value.isEmpty else { throw .malformed }
                hasUpgrade = true
            case 10 where name.equals("connection"), 16 where name.equals("proxy-connection"):
                // The decoder reads both alike.
                try readConnection(value)
            case 14 where name.equals("content-length"):
                lengths += 1
                length = value
            case 17 where name.equals("transfer-encoding"):
                codings += 1
                coding = value
            default: break
            }
        }
    }

    /// The list in a form that leaves the decoder no room to read it in another way.
    private mutating func readConnection(_ value: String) throws(HTTPRefusal) {
        for item in value.utf8.split(separator: UInt8(ascii: ",")) {
            let option = item.trimmed
            guard option.allSatisfy(\.isInToken) else { throw .malformed }
            let name = Substring(option)
            if name.equals("close") { closes = true }
            if name.equals("upgrade") { namesUpgrade = true }
        }
    }

    func length(isHTTP10: Bool) throws(HTTPRefusal) -> HTTPServerRequest.Length {
        if codings > 0 {
            guard codings == 1, lengths == 0, !isHTTP10, coding.equals("chunked") else { throw .malformed }
            return .chunked
        }
        if lengths == 0 { return .none }
        guard lengths == 1, let bytes = Self.number(length.utf8) else { throw .malformed }
        return .bytes(bytes)
    }

    /// Digits, with blanks around them at most.
    private static func number(_ text: String.UTF8View) -> Int? {
        let blank = UInt8(ascii: " ")
        let digits = text.drop { $0 == blank }.prefix { $0 != blank }
        guard digits.allSatisfy(\.isDigit), text[digits.endIndex...].allSatisfy({ $0 == blank }) else { return nil }
        return Int(Substring(digits))
    }
}

extension StringProtocol {
    /// Compares names of the protocol, which are ASCII, without regard to case.
    func equals(_ lowercased: some StringProtocol) -> Bool {
        utf8.elementsEqual(lowercased.utf8) { $0 == $1 || ($0.isLetter && $1.isLetter && $0 | 0x20 == $1 | 0x20) }
    }
}

extension Substring.UTF8View {
    fileprivate var trimmed: Substring.UTF8View {
        var rest = self
        while rest.first == UInt8(ascii: " ") { rest.removeFirst() }
        while rest.last == UInt8(ascii: " ") { rest.removeLast() }
        return rest
    }
}

extension UInt8 {
    fileprivate var isLetter: Bool { (0x41...0x5a).contains(self & 0xdf) }
    fileprivate var isDigit: Bool { (0x30...0x39).contains(self) }
    private static let tokenMarks = Array("!#$%&'*+-.^_`|~".utf8)
    fileprivate var isInToken: Bool { isLetter || isDigit || Self.tokenMarks.contains(self) }
    private static let hostMarks = Array(".-_~!$&'()*+;=:%[]".utf8)
    fileprivate var isInHost: Bool { isLetter || isDigit || Self.hostMarks.contains(self) }
}
