/// The parameters of a URL's query that have a value, by names that are known; others are ignored.
///
/// The query is split at its bytes and each value decoded once, so that nothing that looks alike is taken for another.
/// A name stands as it is: encoded it is none of ours.
package struct QueryParameters<Name: RawRepresentable<String> & Hashable & Sendable>: Sendable {
    private var values: [Name: String] = [:]

    /// - Parameters:
    ///   - query: as sent, what stands behind the `?`.
    ///   - plusIsBlank: as in form data; in a URL a plus is a plus.
    /// - Throws: `InvalidInput` naming the one that is given twice, even with the same value, or cannot be decoded.
    package init(_ query: Substring, plusIsBlank: Bool = false) throws(InvalidInput) {
        for pair in query.utf8.split(separator: UInt8(ascii: "&")) {
            let encodedName = pair.prefix { $0 != UInt8(ascii: "=") }
            guard let name = Name(rawValue: String(Substring(encodedName))) else { continue }
            let encoded = pair[encodedName.endIndex...].dropFirst()
            guard let value = String(percentEncoded: encoded, plusIsBlank: plusIsBlank) else {
                throw InvalidInput(field: name.rawValue, message: "must be percent-encoded UTF-8")
            }
            guard values.updateValue(value, forKey: name) == nil else {
                throw InvalidInput(field: name.rawValue, message: "is given twice")
            }
        }
    }

    /// None is given.
    package init() {}

    /// Whether it is given, be it empty.
    package func has(_ name: Name) -> Bool { values[name] != nil }

    /// nil only if it is not given: for those of which an empty one is a mistake.
    package func given(_ name: Name) -> String? { values[name] }

    /// nil if it is not given, or empty.
    package subscript(name: Name) -> String? { values[name].flatMap { $0.isEmpty ? nil : $0 } }
}
