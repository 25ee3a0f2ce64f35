// The values JSON has itself.

extension String: JSONWritable {
    @usableFromInline
    package func write(to json: inout JSONWriter) { json.string(self) }
}

extension Int: JSONWritable {
    @usableFromInline
    package func write(to json: inout JSONWriter) { json.literal(String(self)) }
}

/// A finite number: `60`, `1.5`, `1e+300`.
extension Double: JSONWritable {
    @usableFromInline
    package func write(to json: inout JSONWriter) {
        precondition(isFinite, "JSON has no \(self)")
        json.literal(Int(exactly: self).map(String.init) ?? "\(self)")
    }
}

extension Bool: JSONWritable {
    @usableFromInline
    package func write(to json: inout JSONWriter) { json.literal(self ? "true" : "false") }
}

extension Optional: JSONWritable where Wrapped: JSONWritable {
    @inlinable
    package func write(to json: inout JSONWriter) {
        if let self { self.write(to: &json) } else { json.literal("null") }
    }
}

extension Array: JSONWritable where Element: JSONWritable {
    @inlinable
    package func write(to json: inout JSONWriter) { json.array(self) }
}

extension Dictionary: JSONWritable where Key == String, Value: JSONWritable {
    /// Its members in the order of their names.
    @usableFromInline
    package func write(to json: inout JSONWriter) {
        json.object { json in
            for (name, value) in sorted(by: { $0.key < $1.key }) { json.member(name, value) }
        }
    }
}
