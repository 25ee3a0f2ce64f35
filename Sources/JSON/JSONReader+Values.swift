// Values without others inside. Each reads the next value if it is of its kind, and refuses it otherwise.

/// What a value is, as its first byte tells.
package enum JSONKind: Sendable {
    case object, array, string, number, bool, null
}

extension JSONReader {
    /// Of the next value, to tell forms apart where several are taken.
    package mutating func nextKind() throws(JSONError) -> JSONKind {
        switch try next() {
        case UInt8(ascii: "{"): .object
        case UInt8(ascii: "["): .array
        case UInt8(ascii: "\""): .string
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): .number
        case UInt8(ascii: "t"), UInt8(ascii: "f"): .bool
        case UInt8(ascii: "n"): .null
        default: throw malformed("no value where one belongs")
        }
    }

    package mutating func string() throws(JSONError) -> String {
        guard try nextKind() == .string else { throw refused("must be a string") }
        return try quoted()
    }

    package mutating func bool() throws(JSONError) -> Bool {
        guard try nextKind() == .bool else { throw refused("must be true or false") }
        let isTrue = try begins(with: "t")
        try pass(isTrue ? "true" : "false")
        return isTrue
    }

    /// A number without fraction and exponent that an `Int` can hold.
    package mutating func int() throws(JSONError) -> Int {
        guard try nextKind() == .number, let int = Int(try number()) else { throw refused("must be a whole number") }
        return int
    }

    /// The nearest `Double`; a number beyond all of them is refused.
    package mutating func double() throws(JSONError) -> Double {
        guard try nextKind() == .number, let double = Double(try number()), double.isFinite else {
            throw refused("must be a number")
        }
        return double
    }

    /// Passes a `null` if that is next.
    package mutating func null() throws(JSONError) -> Bool {
        guard try nextKind() == .null else { return false }
        try pass("null")
        return true
    }

    /// nil for `null`.
    package mutating func stringOrNull() throws(JSONError) -> String? { try null() ? nil : string() }

    /// nil for `null`.
    package mutating func doubleOrNull() throws(JSONError) -> Double? { try null() ? nil : double() }

    /// nil for `null`.
    package mutating func boolOrNull() throws(JSONError) -> Bool? { try null() ? nil : bool() }
}
