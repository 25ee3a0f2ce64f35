// JSON: in and out without objects in between.
//
// Promises: `JSONReader` takes RFC 8259 in UTF-8 and nothing else: no byte order mark, no invalid UTF-8, no
// unpaired surrogate, no member given twice, nothing behind the value; what is skipped is held to the same. Numbers
// are exact: a whole number that is no `Int` is refused. Depth and members are bounded by `JSONLimits`, and nothing
// else grows with the text but the values the caller keeps. An error names the field as the sender wrote it.
// Does not: repair, guess, or know what is read.

import NIOCore

/// A value with a JSON form it can be read from.
@usableFromInline
package protocol JSONReadable {
    /// Reads one value; members of an object that are not known are skipped.
    init(from json: inout JSONReader) throws(JSONError)
}

extension JSONReadable {
    /// - Parameter text: one value, and blanks around it.
    package init(json text: ByteBuffer) throws(JSONError) {
        var reader = JSONReader(text.readableBytesUInt8Span)
        do {
            self = try Self(from: &reader)
            try reader.finish()
        } catch {
            // What is wrong with a field counts only in a text that is well-formed to its end.
            if !error.isMalformed { try JSONReader.check(text.readableBytesUInt8Span) }
            throw error
        }
    }
}

/// Reads a text from front to back, value by value as its reader asks for them:
///
/// ```swift
/// try json.beginObject()
/// while let name = try json.nextMember() {
///     switch name {
///     case "user": user = try json.string()
///     default: try json.skip()
///     }
/// }
/// self.user = try json.required(user, "user")
/// ```
@usableFromInline
package struct JSONReader: ~Escapable {
    /// An array or object that has begun and not ended.
    private struct Level {
        /// Of an array: how many elements have begun. nil: it is an object.
        var elements: Int?
        /// Of an object: where its names begin in `names`.
        var firstName: Int
    }

    let bytes: Span<UInt8>
    /// Of the next byte to be read.
    var position = 0
    private var levels: [Level] = []
    /// The names so far of all objects that have begun and not ended.
    private var names: [String] = []

    @_lifetime(copy text)
    init(_ text: Span<UInt8>) {
        bytes = text
        levels.reserveCapacity(Self.levelsUsual)
        names.reserveCapacity(Self.namesUsual)
    }

    /// What most texts need.
    private static let levelsUsual = 4
    private static let namesUsual = 8

    /// - Throws: if the text is malformed.
    static func check(_ text: Span<UInt8>) throws(JSONError) {
        var reader = JSONReader(text)
        do {
            try reader.skip()
            try reader.finish()
        } catch {
            if error.isMalformed { throw error }
        }
    }

    mutating func finish() throws(JSONError) {
        passBlanks()
        guard isAtEnd else { throw malformed("something behind its end") }
    }
}

// MARK: Arrays and objects

extension JSONReader {
    package mutating func beginObject() throws(JSONError) {
        guard try nextKind() == .object else { throw refused("must be a JSON object") }
        try open(Level(elements: nil, firstName: names.count))
    }

    /// - Returns: the name of the next member, whose value is to be read or skipped next; nil at the end of the object.
    package mutating func nextMember() throws(JSONError) -> String? {
        let firstName = levels[levels.count - 1].firstName
        guard try goesOn(isFirst: names.count == firstName, end: "}") else {
            names.removeSubrange(firstName...)
            return nil
        }
        guard try begins(with: "\"") else { throw malformed("no name where one belongs") }
        let name = try quoted()
        guard names.count - firstName < JSONLimits.membersMax else {
            throw malformed("an object of more than \(JSONLimits.membersMax) members")
        }
        // Cheap where strings differ; equal ones may still be two spellings of one accent, which are two names.
        let isRepeated = names[firstName...].contains { $0 == name && $0.utf8.elementsEqual(name.utf8) }
        names.append(name)
        guard !isRepeated else { throw refused("must not be given twice") }
        guard try begins(with: ":") else { throw malformed("no colon behind a name") }
        position += 1
        return name
    }

    @usableFromInline
    package mutating func beginArray() throws(JSONError) {
        guard try nextKind() == .array else { throw refused("must be an array") }
        try open(Level(elements: 0, firstName: names.count))
    }

    /// - Returns: whether there is a next element, to be read or skipped next; false at the end of the array.
    @usableFromInline
    package mutating func nextElement() throws(JSONError) -> Bool {
        let elements = levels[levels.count - 1].elements ?? 0
        guard try goesOn(isFirst: elements == 0, end: "]") else { return false }
        levels[levels.count - 1].elements = elements + 1
        return true
    }

    /// All elements, to the end.
    @inlinable
    package mutating func array<Element: JSONReadable>(of type: Element.Type) throws(JSONError) -> [Element] {
        var elements: [Element] = []
        try beginArray()
        while try nextElement() { elements.append(try Element(from: &self)) }
        return elements
    }

    /// The string a member of the next object has, without passing it: to see what kind of object it is.
    package func string(ofMember sought: String) throws(JSONError) -> String {
        var ahead = self
        var found: String?
        try ahead.beginObject()
        while let name = try ahead.nextMember() {
            if name == sought { found = try ahead.string() } else { try ahead.skip() }
        }
        return try ahead.required(found, sought)
    }

    /// All elements of an array of strings.
    package mutating func strings() throws(JSONError) -> [String] {
        var strings: [String] = []
        try beginArray()
        while try nextElement() { strings.append(try string()) }
        return strings
    }

    /// Passes over one value of any kind.
    package mutating func skip() throws(JSONError) {
        let depth = levels.count
        repeat {
            if levels.count > depth, try !goesOn() { continue }
            switch try nextKind() {
            case .object: try beginObject()
            case .array: try beginArray()
            case .string: _ = try quoted()
            case .number: _ = try number()
            case .bool: _ = try bool()
            case .null: _ = try null()
            }
        } while levels.count > depth
    }

    private mutating func open(_ level: Level) throws(JSONError) {
        guard levels.count < JSONLimits.depthMax else {
            throw malformed("arrays and objects more than \(JSONLimits.depthMax) deep")
        }
        position += 1
        levels.append(level)
    }

    /// To the next member or element of the innermost level, whichever it is.
    private mutating func goesOn() throws(JSONError) -> Bool {
        levels[levels.count - 1].elements == nil ? try nextMember() != nil : try nextElement()
    }

    /// Passes the comma before another member or element, or the end of the level.
    private mutating func goesOn(isFirst: Bool, end: Unicode.Scalar) throws(JSONError) -> Bool {
        if try begins(with: end) {
            position += 1
            levels.removeLast()
            return false
        }
        if isFirst { return true }
        guard try begins(with: ",") else { throw malformed("no comma between two values") }
        position += 1
        return true
    }
}

// MARK: Errors

extension JSONReader {
    /// For a member every such object has.
    @inlinable
    package func required<Value>(_ value: Value?, _ name: String) throws(JSONError) -> Value {
        guard let value else { throw missing(name) }
        return value
    }

    @usableFromInline
    package func missing(_ name: String) -> JSONError {
        let field = field
        return JSONError(.missing(field: field.isEmpty ? name : "\(field).\(name)"))
    }

    /// The value being read, or read last, is not what it has to be.
    package func refused(_ message: String) -> JSONError { JSONError(.refused(field: field, message: message)) }

    func malformed(_ reason: String) -> JSONError { JSONError(.malformed(reason: reason, byte: position)) }

    /// `sessions[3].session`
    private var field: String {
        var field = ""
        for (depth, level) in levels.enumerated() {
            if let elements = level.elements {
                field += "[\(elements - 1)]"
            } else {
                let namesEnd = depth + 1 < levels.count ? levels[depth + 1].firstName : names.count
                field += field.isEmpty ? names[namesEnd - 1] : ".\(names[namesEnd - 1])"
            }
        }
        return field
    }
}
