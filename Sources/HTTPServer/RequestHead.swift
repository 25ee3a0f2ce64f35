import NIOCore
import NIOHTTP1

/// A request's head, line by line as it comes.
struct RequestHead {
    let method: HTTPMethod
    let target: String
    let isHTTP10: Bool
    private(set) var fields: [(String, String)] = []
    private(set) var framing = Framing()

    /// - Parameter line: the first: `GET /a HTTP/1.1`, with one blank between two parts.
    init(_ line: Span<UInt8>) throws(HTTPRefusal) {
        let blank = UInt8(ascii: " ")
        guard let first = line.firstIndex(where: { $0 == blank }),
            let method = HTTPMethod(known: String(line.extracting(first: first)))
        else { throw .malformed }
        let rest = line.extracting(droppingFirst: first + 1)
        guard let second = rest.firstIndex(where: { !$0.isInTarget }), rest[second] == blank else { throw .malformed }
        self.method = method
        target = String(rest.extracting(first: second))
        isHTTP10 = try Self.isHTTP10(String(rest.extracting(droppingFirst: second + 1)))
        fields.reserveCapacity(16)
    }

    private static func isHTTP10(_ version: String) throws(HTTPRefusal) -> Bool {
        switch version {
        case "HTTP/1.1": return false
        case "HTTP/1.0": return true
        default:
            guard version.wholeMatch(of: /HTTP\/[0-9]\.[0-9]/) != nil else { throw .malformed }
            throw .unsupportedVersion
        }
    }

    mutating func readField(in line: Span<UInt8>) throws(HTTPRefusal) {
        let (name, value) = try Self.field(in: line)
        try framing.read(name, value)
        fields.append((name, value))
    }

    /// A name, a colon, and a value without the blanks around it.
    static func field(in line: Span<UInt8>) throws(HTTPRefusal) -> (name: String, value: String) {
        guard let colon = line.firstIndex(where: { !$0.isInToken }), colon > 0, line[colon] == UInt8(ascii: ":") else {
            throw .malformed
        }
        var (first, end) = (colon + 1, line.count)
        while first < end, line[first].isBlank { first += 1 }
        while first < end, line[end - 1].isBlank { end -= 1 }
        return (String(line.extracting(first: colon)), String(line.extracting(first..<end)))
    }
}

/// What the fields say about how a request is to be read.
struct Framing {
    private var hosts = 0
    private(set) var host = ""
    private(set) var expectsContinue = false
    private var hasUnknownExpectation = false
    private(set) var closes = false
    private(set) var requestID: String?
    private var hasUpgrade = false
    private var namesUpgrade = false
    private var lengths = 0
    private var length = ""
    private var codings = 0
    private var coding = ""

    var offersUpgrade: Bool { hasUpgrade && namesUpgrade }

    mutating func read(_ name: String, _ value: String) throws(HTTPRefusal) {
        switch name.utf8.count {
        case 4 where name.equals("host"):
            guard value.utf8.allSatisfy(\.isInHost) else { throw .malformed }
            hosts += 1
            host = value
        case 6 where name.equals("expect"):
            if value.equals("100-continue") { expectsContinue = true } else { hasUnknownExpectation = true }
        case 7 where name.equals("upgrade"): hasUpgrade = true
        case 10 where name.equals("connection"): try readConnection(value)
        case 12 where name.equals("x-request-id"): requestID = requestID == nil ? value : ""
        case 14 where name.equals("content-length"):
            lengths += 1
            length = value
        case 17 where name.equals("transfer-encoding"):
            codings += 1
            coding = value
        default: break
        }
    }

    private mutating func readConnection(_ value: String) throws(HTTPRefusal) {
        for item in value.utf8.split(separator: UInt8(ascii: ",")) {
            let option = item.trimmed
            guard option.allSatisfy(\.isInToken) else { throw .malformed }
            let name = Substring(option)
            if name.equals("close") { closes = true }
            if name.equals("upgrade") { namesUpgrade = true }
        }
    }

    /// HTTP/1.0 knows none (RFC 9110, section 10.1.1).
    func checkExpectations(isHTTP10: Bool) throws(HTTPRefusal) {
        if hasUnknownExpectation, !isHTTP10 { throw .expectationFailed }
    }

    func checkHost(isHTTP10: Bool) throws(HTTPRefusal) {
        guard hosts == 1 || isHTTP10 && hosts == 0 else { throw .malformed }
    }

    /// One length, in digits, or one coding, which is chunks (section 6).
    func length(isHTTP10: Bool) throws(HTTPRefusal) -> HTTPServerRequest.Length {
        if codings > 0 {
            guard codings == 1, lengths == 0, !isHTTP10, coding.equals("chunked") else { throw .malformed }
            return .chunked
        }
        if lengths == 0 { return .none }
        guard lengths == 1, length.utf8.allSatisfy(\.isDigit), let bytes = Int(length) else { throw .malformed }
        return .bytes(bytes)
    }
}

extension HTTPMethod {
    /// nil for one that nobody has heard of.
    fileprivate init?(known name: String) {
        self.init(rawValue: name)
        if case .RAW = self { return nil }
    }
}

extension StringProtocol {
    /// Compares names of the protocol, which are ASCII, without regard to case.
    func equals(_ lowercased: some StringProtocol) -> Bool {
        utf8.elementsEqual(lowercased.utf8) { $0 == $1 || ($0.isLetter && $1.isLetter && $0 | 0x20 == $1 | 0x20) }
    }
}

extension String {
    /// What is no UTF-8 is replaced.
    fileprivate init(_ bytes: Span<UInt8>) {
        self = bytes.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
    }
}

extension Span<UInt8> {
    fileprivate func firstIndex(where predicate: (UInt8) -> Bool) -> Int? {
        for index in indices where predicate(self[index]) { return index }
        return nil
    }
}

extension Substring.UTF8View {
    fileprivate var trimmed: Substring.UTF8View {
        var rest = self
        while rest.first?.isBlank == true { rest.removeFirst() }
        while rest.last?.isBlank == true { rest.removeLast() }
        return rest
    }
}

extension UInt8 {
    fileprivate var isBlank: Bool { self == UInt8(ascii: " ") || self == UInt8(ascii: "\t") }
    fileprivate var isLetter: Bool { (0x41...0x5a).contains(self & 0xdf) }
    fileprivate var isDigit: Bool { (0x30...0x39).contains(self) }
    /// Visible ASCII but `#`: a fragment is not sent.
    fileprivate var isInTarget: Bool { (0x21...0x7e).contains(self) && self != UInt8(ascii: "#") }
    fileprivate var isInToken: Bool { isLetter || isDigit || Self.tokenMarks.contains(self) }
    fileprivate var isInHost: Bool { isLetter || isDigit || Self.hostMarks.contains(self) }
    private static let tokenMarks = Array("-!#$%&'*+.^_`|~".utf8)
    private static let hostMarks = Array(".:-_~!$&'()*+;=%[]".utf8)
}
