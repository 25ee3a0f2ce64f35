import NIOCore

/// A value with a JSON form.
protocol JSONWritable {
    func write(to json: inout JSONWriter)
}

/// Writes JSON into a buffer, members in the order given.
///
/// Instead of `JSONEncoder`: an answer about 500 users is written in one pass, and people reading it
/// see `user` and `status` first.
struct JSONWriter {
    private(set) var buffer = ByteBuffer()
    private var needsComma = false

    mutating func object(_ members: (inout JSONWriter) -> Void) {
        open("{")
        members(&self)
        close("}")
    }

    mutating func array(_ elements: some Sequence<some JSONWritable>) {
        open("[")
        for element in elements {
            separate()
            element.write(to: &self)
        }
        close("]")
    }

    mutating func member(_ name: String, _ value: some JSONWritable) {
        key(name)
        value.write(to: &self)
    }

    /// Leaves the member out where there is no value.
    mutating func member(_ name: String, ifPresent value: (some JSONWritable)?) {
        if let value { member(name, value) }
    }

    mutating func member(_ name: String, members: (inout JSONWriter) -> Void) {
        key(name)
        object(members)
    }

    /// A number, `true`, `false` or `null`, as it stands in JSON.
    mutating func literal(_ text: String) {
        buffer.writeString(text)
    }

    mutating func string(_ text: String) {
        buffer.writeInteger(UInt8(ascii: "\""))
        if text.utf8.contains(where: \.needsEscape) {
            for byte in text.utf8 { escaped(byte) }
        } else {
            buffer.writeString(text)
        }
        buffer.writeInteger(UInt8(ascii: "\""))
    }

    private mutating func escaped(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""): buffer.writeString("\\\"")
        case UInt8(ascii: "\\"): buffer.writeString("\\\\")
        case 0..<0x20: buffer.writeString((byte < 0x10 ? "\\u000" : "\\u00") + String(byte, radix: 16))
        default: buffer.writeInteger(byte)
        }
    }

    private mutating func key(_ name: String) {
        separate()
        string(name)
        buffer.writeInteger(UInt8(ascii: ":"))
    }

    private mutating func separate() {
        if needsComma { buffer.writeInteger(UInt8(ascii: ",")) }
        needsComma = true
    }

    private mutating func open(_ bracket: Unicode.Scalar) {
        buffer.writeInteger(UInt8(ascii: bracket))
        needsComma = false
    }

    private mutating func close(_ bracket: Unicode.Scalar) {
        buffer.writeInteger(UInt8(ascii: bracket))
        needsComma = true
    }
}

extension UInt8 {
    fileprivate var needsEscape: Bool { self < 0x20 || self == UInt8(ascii: "\"") || self == UInt8(ascii: "\\") }
}

extension String: JSONWritable {
    func write(to json: inout JSONWriter) { json.string(self) }
}

extension Int: JSONWritable {
    func write(to json: inout JSONWriter) { json.literal(String(self)) }
}

extension Bool: JSONWritable {
    func write(to json: inout JSONWriter) { json.literal(self ? "true" : "false") }
}

extension Optional: JSONWritable where Wrapped: JSONWritable {
    func write(to json: inout JSONWriter) {
        if let self { self.write(to: &json) } else { json.literal("null") }
    }
}

extension Array: JSONWritable where Element: JSONWritable {
    func write(to json: inout JSONWriter) { json.array(self) }
}
