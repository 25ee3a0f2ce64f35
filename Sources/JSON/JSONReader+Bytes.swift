import NIOCore

// The grammar's leaves, byte by byte.

extension JSONReader {
    /// The byte at `position`; nil at the end.
    private var byte: UInt8? { position < bytes.count ? bytes[position] : nil }

    var isAtEnd: Bool { position == bytes.count }

    mutating func passBlanks() {
        while let byte, byte.isBlank { position += 1 }
    }

    /// The first byte behind blanks, where something has to follow.
    mutating func next() throws(JSONError) -> UInt8 {
        passBlanks()
        guard let byte else { throw malformed("an end too early") }
        return byte
    }

    mutating func begins(with character: Unicode.Scalar) throws(JSONError) -> Bool {
        try next() == UInt8(ascii: character)
    }

    /// `true`, `false` or `null`.
    mutating func pass(_ word: StaticString) throws(JSONError) {
        for expected in UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount) {
            guard take(expected) else { throw malformed("a word JSON does not know") }
        }
    }

    private mutating func take(_ expected: UInt8) -> Bool {
        guard byte == expected else { return false }
        position += 1
        return true
    }
}

// MARK: Numbers

extension JSONReader {
    /// The number at `position`, as it is written.
    mutating func number() throws(JSONError) -> String {
        let begin = position
        _ = take(UInt8(ascii: "-"))
        if !take(UInt8(ascii: "0")) { try digits() }
        if take(UInt8(ascii: ".")) { try digits() }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            _ = take(UInt8(ascii: "+")) || take(UInt8(ascii: "-"))
            try digits()
        }
        return try string(bytes.extracting(begin..<position), isASCII: true)
    }

    private mutating func digits() throws(JSONError) {
        guard byte?.isDigit == true else { throw malformed("no digit where one belongs") }
        while byte?.isDigit == true { position += 1 }
    }
}

// MARK: Strings

extension JSONReader {
    /// The string whose opening quote is at `position`.
    mutating func quoted() throws(JSONError) -> String {
        position += 1
        let begin = position
        let isASCII = passPlain()
        guard byte == UInt8(ascii: "\"") else { return try unescaped(from: begin) }
        position += 1
        return try string(bytes.extracting(begin..<position - 1), isASCII: isASCII)
    }

    /// Up to what ends a stretch of a string that stands for itself.
    ///
    /// - Returns: whether the stretch is ASCII.
    private mutating func passPlain() -> Bool {
        var all: UInt8 = 0
        var end = position
        while end < bytes.count, bytes[end].standsForItself {
            all |= bytes[end]
            end += 1
        }
        position = end
        return all < 0x80
    }

    /// - Parameter begin: of the string; all before `position` stands for itself.
    private mutating func unescaped(from begin: Int) throws(JSONError) -> String {
        var text: [UInt8] = []
        var begin = begin
        while true {
            for index in begin..<position { text.append(bytes[index]) }
            if take(UInt8(ascii: "\"")) { return try string(text.span, isASCII: false) }
            guard let byte else { throw malformed("an end too early") }
            guard byte == UInt8(ascii: "\\") else { throw malformed("a control character in a string") }
            position += 1
            text.append(contentsOf: try escaped().utf8)
            begin = position
            _ = passPlain()
        }
    }

    /// What stands behind a backslash.
    private mutating func escaped() throws(JSONError) -> Unicode.Scalar {
        guard let byte else { throw malformed("an end too early") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): return try scalar()
        default: throw malformed("an unknown escape")
        }
    }

    /// What stands behind `\u`: one UTF-16 unit, or two that are a pair with `\u` between them.
    private mutating func scalar() throws(JSONError) -> Unicode.Scalar {
        let first = try unit()
        if let scalar = Unicode.Scalar(first) { return scalar }
        guard UTF16.isLeadSurrogate(first), take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) else {
            throw malformed("half a surrogate pair")
        }
        let second = try unit()
        let high = UInt32(first - 0xD800) << 10
        guard UTF16.isTrailSurrogate(second), let scalar = Unicode.Scalar(0x10000 + high + UInt32(second - 0xDC00))
        else {
            throw malformed("half a surrogate pair")
        }
        return scalar
    }

    private mutating func unit() throws(JSONError) -> UInt16 {
        var unit: UInt16 = 0
        for _ in 0..<4 {
            guard let digit = byte?.hexadecimalValue else {
                throw malformed("an escape without four hexadecimal digits")
            }
            position += 1
            unit = unit << 4 | UInt16(digit)
        }
        return unit
    }

    /// Validating costs several times more than what is known to be ASCII.
    private func string(_ utf8: Span<UInt8>, isASCII: Bool) throws(JSONError) -> String {
        if isASCII { return utf8.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) } }
        guard let string = utf8.withUnsafeBufferPointer({ String(validating: $0, as: UTF8.self) }) else {
            throw malformed("invalid UTF-8")
        }
        return string
    }
}

extension UInt8 {
    var isDigit: Bool { self >= UInt8(ascii: "0") && self <= UInt8(ascii: "9") }

    fileprivate var isBlank: Bool { self <= 0x20 && (self == 0x20 || self == 0x0A || self == 0x0D || self == 0x09) }

    /// In a string.
    fileprivate var standsForItself: Bool {
        self >= 0x20 && self != UInt8(ascii: "\"") && self != UInt8(ascii: "\\")
    }

    fileprivate var hexadecimalValue: UInt8? {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): self - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): self - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): self - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
