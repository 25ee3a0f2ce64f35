/// The call that caused a change, as its receiver is told.
package struct Cause: Sendable, Equatable {
    package var request: RequestID?
    package var trace: TraceParent?

    /// - Returns: nil where nothing is known of it.
    package init?(request: RequestID?, trace: TraceParent?) {
        if request == nil, trace == nil { return nil }
        self.request = request
        self.trace = trace
    }
}

/// What one call over HTTP is named by in its answer, in the log and in the callbacks it causes: the caller's own
/// `X-Request-Id`, or one made here.
package struct RequestID: Sendable, Equatable, CustomStringConvertible {
    package static let bytesMax = 64

    package let description: String

    /// - Returns: nil unless it is 1 to 64 of `A-Z a-z 0-9 . _ -`.
    package init?(_ text: String) {
        guard (1...Self.bytesMax).contains(text.utf8.count), text.utf8.allSatisfy(\.isInstanceByte) else { return nil }
        description = text
    }

    /// 16 random digits, base 16.
    package static func random() -> RequestID {
        let digits = String(UInt64.random(in: .min ... .max), radix: 16)
        return RequestID(unchecked: String(repeating: "0", count: 16 - digits.utf8.count) + digits)
    }

    private init(unchecked text: String) { description = text }
}

/// A `traceparent` of W3C Trace Context: the trace and the span a change was caused in.
package struct TraceParent: Sendable, Equatable, CustomStringConvertible {
    /// `00-<32 digits>-<16 digits>-<2 digits>`
    private static let bytes = 55

    package let description: String

    /// Of a version to come what stands behind our four parts is left out, and the version is ours, as its section
    /// 3.2.4 asks.
    /// - Returns: nil unless it is well-formed: digits of base 16 in small letters, and ids that are not all zeros.
    package init?(_ text: String) {
        let bytes = Array(text.utf8)
        let dash = UInt8(ascii: "-")
        guard bytes.count == Self.bytes || bytes.count > Self.bytes && bytes[Self.bytes] == dash,
            bytes[2] == dash, bytes[35] == dash, bytes[52] == dash
        else { return nil }
        let (version, trace, span, flags) = (bytes[..<2], bytes[3..<35], bytes[36..<52], bytes[53..<55])
        let isHex = [version, trace, span, flags].allSatisfy { $0.allSatisfy(\.isSmallHexDigit) }
        guard isHex, !version.elementsEqual("ff".utf8), trace.contains(where: { $0 != UInt8(ascii: "0") }),
            span.contains(where: { $0 != UInt8(ascii: "0") })
        else { return nil }
        if version.elementsEqual("00".utf8) {
            guard bytes.count == Self.bytes else { return nil }
            description = text
        } else {
            // Of the flags only the one for "sampled" is known here.
            let isSampled = "13579bdf".utf8.contains(flags[54])
            description = "00" + String(decoding: bytes[2..<53], as: UTF8.self) + (isSampled ? "01" : "00")
        }
    }
}

extension UInt8 {
    fileprivate var isSmallHexDigit: Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(self)
    }
}
