/// What was given for a key, and where. White space around a value is nobody's intention, the newline at the end of a
/// mounted secret least of all, so it does not count in any source.
struct ConfigurationValue: Sendable {
    enum Content: Sendable {
        case text(String)
        /// Of a file, where entries need no comma between them.
        case list([String])
        /// Text whose lines are entries, too.
        case lines(String)
    }

    let content: Content
    let place: ConfigurationPlace

    /// - Returns: nil if nothing is left: an empty value counts as none.
    init?(_ content: Content, at place: ConfigurationPlace) {
        switch content {
        case .text(let text): self.content = .text(text.trimmed)
        case .lines(let text): self.content = .lines(text.trimmed)
        case .list(let entries): self.content = .list(entries.map(\.trimmed))
        }
        self.place = place
        if isEmpty { return nil }
    }

    private var isEmpty: Bool {
        switch content {
        case .text(let text), .lines(let text): text.isEmpty
        case .list(let entries): entries.isEmpty
        }
    }
}

/// Where a value was given, as it ends the sentence of a refusal.
enum ConfigurationPlace: Sendable, CustomStringConvertible {
    case flag(String)
    case variable(String)
    case file(String, line: Int, column: Int)
    /// The file that one of the places above names.
    indirect case secretFile(String, named: ConfigurationPlace)

    var description: String {
        switch self {
        case .flag(let flag): "set by \(flag)"
        case .variable(let variable): "set by \(variable)"
        case .file(let path, let line, let column): "set in \(path), line \(line), column \(column)"
        case .secretFile(let path, let named): "read from \(path), which is \(named)"
        }
    }
}

extension StringProtocol {
    /// Without white space, and the mark that some editors put before a text, at its ends.
    var trimmed: String {
        let isSpace = { (scalar: Unicode.Scalar) in scalar.properties.isWhitespace || scalar == "\u{FEFF}" }
        let scalars = unicodeScalars.drop(while: isSpace)
        guard let last = scalars.lastIndex(where: { !isSpace($0) }) else { return "" }
        return String(String.UnicodeScalarView(scalars[...last]))
    }
}
