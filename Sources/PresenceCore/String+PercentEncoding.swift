extension String {
    /// Undoes percent-encoding (RFC 3986, section 2.1), the one way this service does.
    ///
    /// Works on bytes and takes nothing away: `%EF%BB%BFalice` is another user than `alice`, though Foundation's decoder
    /// leaves a byte order mark out, and two spellings of one accent stay two. What is not encoded stands for itself.
    /// - Parameters:
    ///   - bytes: the encoded text.
    ///   - plusIsBlank: as in form data; in a path or a URL a plus is a plus.
    /// - Returns: nil where a `%` is not followed by two hexadecimal digits, or what comes out is not UTF-8.
    @inlinable
    package init?(percentEncoded bytes: some Collection<UInt8>, plusIsBlank: Bool = false) {
        guard plusIsBlank || bytes.contains(UInt8(ascii: "%")) else {
            self.init(validating: bytes, as: UTF8.self)
            return
        }
        guard let decoded = [UInt8](percentEncoded: bytes, plusIsBlank: plusIsBlank) else { return nil }
        self.init(validating: decoded, as: UTF8.self)
    }
}

extension [UInt8] {
    /// The same, whatever bytes come out.
    /// - Returns: nil where a `%` is not followed by two hexadecimal digits.
    @inlinable
    package init?(percentEncoded bytes: some Collection<UInt8>, plusIsBlank: Bool = false) {
        var decoded: [UInt8] = []
        decoded.reserveCapacity(bytes.count)
        // An array, for what the bytes are in is not known here: each step in them would be a call by its witnesses.
        var rest = Array(bytes).makeIterator()
        while let byte = rest.next() {
            switch byte {
            case UInt8(ascii: "%"):
                guard let high = rest.next()?.hexDigit, let low = rest.next()?.hexDigit else { return nil }
                decoded.append(high << 4 | low)
            case UInt8(ascii: "+") where plusIsBlank: decoded.append(UInt8(ascii: " "))
            default: decoded.append(byte)
            }
        }
        self = decoded
    }
}

extension UInt8 {
    /// What an ASCII character is worth as a hexadecimal digit, in either case; nil for any other.
    @usableFromInline
    var hexDigit: UInt8? {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): self - UInt8(ascii: "0")
        case UInt8(ascii: "A")...UInt8(ascii: "F"): self - UInt8(ascii: "A") + 10
        case UInt8(ascii: "a")...UInt8(ascii: "f"): self - UInt8(ascii: "a") + 10
        default: nil
        }
    }
}
