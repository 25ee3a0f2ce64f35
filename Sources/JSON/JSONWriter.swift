import NIOCore

/// A value with a JSON form.
package protocol JSONWritable {
    func write(to json: inout JSONWriter)
}

extension JSONWritable {
    /// The value in JSON.
    package var json: ByteBuffer {
        var writer = JSONWriter()
        write(to: &writer)
        return writer.buffer
    }
}

/// Writes JSON into a buffer, members in the order given: people reading it see `user` and `status` first, and a
/// signed text is the same whenever it is written.
package struct JSONWriter {
    package private(set) var buffer: ByteBuffer
    private var needsComma = false

    /// - Parameter bytes: what most texts of this kind fit into.
    package init(reserving bytes: Int = 256) {
        buffer = ByteBuffer()
        buffer.reserveCapacity(bytes)
    }

    package mutating func object(_ members: (inout JSONWriter) -> Void) {
        open("{")
        members(&self)
        close("}")
    }

    package mutating func array(_ elements: some Sequence<some JSONWritable>) {
        open("[")
        for element in elements {
            separate()
            element.write(to: &self)
        }
        close("]")
    }

    package mutating func member(_ name: String, _ value: some JSONWritable) {
        key(name)
        value.write(to: &self)
    }

    /// Leaves the member out where there is no value.
    package mutating func member(_ name: String, ifPresent value: (some JSONWritable)?) {
        if let value { member(name, value) }
    }

    package mutating func member(_ name: String, members: (inout JSONWriter) -> Void) {
        key(name)
        object(members)
    }

    /// A number, `true`, `false` or `null`, as it stands in JSON.
    package mutating func literal(_ text: String) {
        buffer.writeString(text)
    }

    package mutating func string(_ text: String) {
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
