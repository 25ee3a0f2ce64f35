import NIOCore

/// A value with a JSON form.
@usableFromInline
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

/// Writes JSON, members in the order given: people reading it see `user` and `status` first, and a signed text is the
/// same whenever it is written.
@usableFromInline
package struct JSONWriter {
    /// An array: every byte written to a `ByteBuffer` asks anew whether its storage is shared.
    private var bytes: [UInt8] = []
    private var needsComma = false

    /// - Parameter bytesUsual: what most texts of this kind fit into.
    package init(bytesUsual: Int = 256) { bytes.reserveCapacity(bytesUsual) }

    /// What is written so far.
    package var buffer: ByteBuffer { ByteBuffer(bytes: bytes) }

    @inlinable
    package mutating func object(_ members: (inout JSONWriter) -> Void) {
        open("{")
        members(&self)
        close("}")
    }

    @inlinable
    package mutating func array(_ elements: some Sequence<some JSONWritable>) {
        open("[")
        for element in elements {
            separate()
            element.write(to: &self)
        }
        close("]")
    }

    @inlinable
    package mutating func member(_ name: String, _ value: some JSONWritable) {
        key(name)
        value.write(to: &self)
    }

    /// Leaves the member out where there is no value.
    @inlinable
    package mutating func member(_ name: String, ifPresent value: (some JSONWritable)?) {
        if let value { member(name, value) }
    }

    package mutating func member(_ name: String, members: (inout JSONWriter) -> Void) {
        key(name)
        object(members)
    }

    /// A number, `true`, `false` or `null`, as it stands in JSON.
    @usableFromInline
    package mutating func literal(_ text: String) {
        bytes.append(contentsOf: text.utf8)
    }

    package mutating func string(_ text: String) {
        var text = text
        bytes.append(UInt8(ascii: "\""))
        text.withUTF8 { utf8 in
            if utf8.contains(where: \.needsEscape) {
                for byte in utf8 { escaped(byte) }
            } else {
                bytes.append(contentsOf: utf8)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private mutating func escaped(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""): literal("\\\"")
        case UInt8(ascii: "\\"): literal("\\\\")
        case 0..<0x20: literal((byte < 0x10 ? "\\u000" : "\\u00") + String(byte, radix: 16))
        default: bytes.append(byte)
        }
    }

    @usableFromInline
    mutating func key(_ name: String) {
        separate()
        string(name)
        bytes.append(UInt8(ascii: ":"))
    }

    @usableFromInline
    mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        needsComma = true
    }

    @usableFromInline
    mutating func open(_ bracket: Unicode.Scalar) {
        bytes.append(UInt8(ascii: bracket))
        needsComma = false
    }

    @usableFromInline
    mutating func close(_ bracket: Unicode.Scalar) {
        bytes.append(UInt8(ascii: bracket))
        needsComma = true
    }
}

extension UInt8 {
    fileprivate var needsEscape: Bool { self < 0x20 || self == UInt8(ascii: "\"") || self == UInt8(ascii: "\\") }
}
