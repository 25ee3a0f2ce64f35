import NIOCore

/// Takes requests out of the bytes of a connection, strictly (RFC 9112): what somebody could read in another way is
/// refused, as soon as the line it stands in has come. Behind a refusal there is nothing to be asked for.
///
/// Not NIO's decoder: that one takes a bare LF, and two blanks in a first line, stops for good behind an offered
/// upgrade, and tells of all the requests that came at once, wanted yet or not.
struct RequestParser {
    enum Part {
        case head(HTTPServerRequest)
        case body(ByteBuffer)
        case end
    }

    private enum State {
        /// Between two requests, or within the first line.
        case firstLine
        case fields(RequestHead)
        case body(bytesLeft: Int)
        case chunkSize
        case chunk(bytesLeft: Int)
        /// The line break behind a chunk.
        case chunkEnd
        case trailers
        case end
    }

    private var state = State.firstLine
    private var lines: LineScanner
    private var fieldCount = 0
    private let fieldsMax: Int

    init(_ limits: HTTPServerLimits) {
        lines = LineScanner(bytesMax: limits.headBytesMax)
        fieldsMax = limits.headerFieldsMax
    }

    /// Nothing of the next request was taken.
    var isBetweenRequests: Bool { if case .firstLine = state { true } else { false } }

    /// - Parameter bytes: what is read is taken from them.
    /// - Returns: nil when more of them are needed.
    mutating func next(in bytes: inout ByteBuffer) throws(HTTPRefusal) -> Part? {
        while true {
            switch state {
            case .firstLine:
                guard let length = try lines.next(in: bytes) else { return nil }
                // Line breaks before a request are passed over (section 2.2).
                if length > 0 {
                    state = .fields(try RequestHead(bytes.readableBytesUInt8Span.extracting(first: length)))
                }
                lines.pass(length, in: &bytes)
            case .fields(var head):
                // Held nowhere else while it grows.
                state = .end
                guard try readFields(of: &head, in: &bytes) else {
                    state = .fields(head)
                    return nil
                }
                lines.startAnew()
                let request = try HTTPServerRequest(head)
                state =
                    switch request.length {
                    case .none, .bytes(0): .end
                    case .bytes(let count): .body(bytesLeft: count)
                    case .chunked: .chunkSize
                    }
                return .head(request)
            case .body(let bytesLeft):
                return take(bytesLeft, from: &bytes, then: .end) { .body(bytesLeft: $0) }
            case .chunkSize:
                guard let length = try lines.next(in: bytes) else { return nil }
                let (size, digits) = try Self.chunkSize(in: bytes.readableBytesUInt8Span.extracting(first: length))
                lines.pass(length, counting: length - digits, in: &bytes)
                state = size > 0 ? .chunk(bytesLeft: size) : .trailers
            case .chunk(let bytesLeft):
                return take(bytesLeft, from: &bytes, then: .chunkEnd) { .chunk(bytesLeft: $0) }
            case .chunkEnd:
                guard let length = try lines.next(in: bytes) else { return nil }
                guard length == 0 else { throw .malformed }
                lines.pass(length, counting: 0, in: &bytes)
                state = .chunkSize
            case .trailers:
                guard let length = try lines.next(in: bytes) else { return nil }
                if length > 0 {
                    try countField()
                    _ = try RequestHead.field(in: bytes.readableBytesUInt8Span.extracting(first: length))
                } else {
                    state = .end
                }
                lines.pass(length, in: &bytes)
            case .end:
                lines.startAnew()
                fieldCount = 0
                state = .firstLine
                return .end
            }
        }
    }

    /// - Returns: what is there of a body or a chunk; nil if that is nothing.
    private mutating func take(
        _ bytesLeft: Int, from bytes: inout ByteBuffer, then next: State, else more: (Int) -> State
    ) -> Part? {
        guard let part = bytes.readFirst(bytesLeft) else { return nil }
        state = part.readableBytes == bytesLeft ? next : more(bytesLeft - part.readableBytes)
        return .body(part)
    }

    /// - Returns: whether the head is there to its end.
    private mutating func readFields(
        of head: inout RequestHead, in bytes: inout ByteBuffer
    ) throws(HTTPRefusal) -> Bool {
        while let length = try lines.next(in: bytes) {
            if length > 0 {
                try countField()
                try head.readField(in: bytes.readableBytesUInt8Span.extracting(first: length))
            }
            lines.pass(length, in: &bytes)
            if length == 0 { return true }
        }
        return false
    }

    private mutating func countField() throws(HTTPRefusal) {
        fieldCount += 1
        guard fieldCount <= fieldsMax else { throw .headTooLarge }
    }

    /// The digits, and whatever extension behind them.
    private static func chunkSize(in line: Span<UInt8>) throws(HTTPRefusal) -> (size: Int, digits: Int) {
        var size = 0
        var digits = 0
        while digits < line.count, let digit = line[digits].hexDigitValue {
            guard digits < 15 else { throw .malformed }
            size = size << 4 | digit
            digits += 1
        }
        guard digits > 0, digits == line.count || line[digits] == UInt8(ascii: ";") else { throw .malformed }
        return (size, digits)
    }
}

/// Finds the lines at the front of bytes that come in pieces, looks at each byte once, and counts them.
private struct LineScanner {
    let bytesMax: Int
    /// Bytes of the line at the front that were looked at.
    private var scanned = 0
    /// Bytes of the lines before.
    private var counted = 0

    init(bytesMax: Int) { self.bytesMax = bytesMax }

    /// The length of the line at the front, without its CR LF; nil while that has not come.
    mutating func next(in bytes: ByteBuffer) throws(HTTPRefusal) -> Int? {
        let bytes = bytes.readableBytesUInt8Span
        var end = scanned
        while end < bytes.count, bytes[end] != UInt8(ascii: "\r") {
            guard bytes[end].isInLine else { throw .malformed }
            end += 1
        }
        scanned = end
        guard counted + end < bytesMax else { throw .headTooLarge }
        guard end + 1 < bytes.count else { return nil }
        guard bytes[end + 1] == UInt8(ascii: "\n") else { throw .malformed }
        return end
    }

    /// Takes a line and its CR LF.
    /// - Parameter counting: how many of its bytes count; nil for all.
    mutating func pass(_ length: Int, counting: Int? = nil, in bytes: inout ByteBuffer) {
        bytes.moveReaderIndex(forwardBy: length + 2)
        counted += counting ?? length + 2
        scanned = 0
    }

    mutating func startAnew() { counted = 0 }
}

extension ByteBuffer {
    /// As many as there are; nil if there are none.
    fileprivate mutating func readFirst(_ count: Int) -> ByteBuffer? {
        readableBytes > 0 ? readSlice(length: min(count, readableBytes)) : nil
    }
}

extension UInt8 {
    /// A blank, a tab, or visible.
    fileprivate var isInLine: Bool { self >= 0x20 && self != 0x7f || self == UInt8(ascii: "\t") }

    fileprivate var hexDigitValue: Int? {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): Int(self - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): Int(self - UInt8(ascii: "a")) + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): Int(self - UInt8(ascii: "A")) + 10
        default: nil
        }
    }
}
