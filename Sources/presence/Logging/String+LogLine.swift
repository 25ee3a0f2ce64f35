/// Texts as they stand in a line of the log, or of what a command prints.
extension String {
    /// What breaks a line or speaks to a terminal, and what changes a text unseen (as the direction of writing), as
    /// `\n`, `\r`, `\t` or `\u{1b}`.
    var escaped: String {
        if utf8.allSatisfy({ (0x20...0x7E).contains($0) }) { return self }
        var escaped = String.UnicodeScalarView()
        for scalar in unicodeScalars { escaped.append(escaping: scalar) }
        return String(escaped)
    }

    /// A value: in quotes, with `\"` and `\\` in them, unless it is one word that cannot be taken for anything else.
    var quotedIfNeeded: String {
        let isWord =
            !isEmpty
            && unicodeScalars.allSatisfy { scalar in
                !scalar.isUnseen && !scalar.properties.isWhitespace && !"=\"\\".unicodeScalars.contains(scalar)
            }
        if isWord { return self }
        var quoted = String.UnicodeScalarView("\"".unicodeScalars)
        for scalar in unicodeScalars {
            if scalar == "\"" || scalar == "\\" { quoted.append("\\") }
            quoted.append(escaping: scalar)
        }
        quoted.append("\"")
        return String(quoted)
    }

    /// As RFC 8259 has it, with what may break a line escaped although it need not be.
    var jsonString: String {
        var json = String.UnicodeScalarView("\"".unicodeScalars)
        for scalar in unicodeScalars {
            if scalar == "\"" || scalar == "\\" {
                json.append("\\")
                json.append(scalar)
            } else if scalar.breaksLine {
                // All of them are in the first plane.
                let digits = String(scalar.value, radix: 16)
                json += "\\u\(String(repeating: "0", count: 4 - digits.utf8.count))\(digits)".unicodeScalars
            } else {
                json.append(scalar)
            }
        }
        json.append("\"")
        return String(json)
    }
}

extension String.UnicodeScalarView {
    fileprivate mutating func append(escaping scalar: Unicode.Scalar) {
        switch scalar {
        case "\n": self += "\\n".unicodeScalars
        case "\r": self += "\\r".unicodeScalars
        case "\t": self += "\\t".unicodeScalars
        case _ where scalar.isUnseen: self += "\\u{\(String(scalar.value, radix: 16))}".unicodeScalars
        default: append(scalar)
        }
    }
}

extension Unicode.Scalar {
    /// Control characters and separators of lines and paragraphs.
    fileprivate var breaksLine: Bool {
        if isASCII { return value < 0x20 || value == 0x7F }
        return [.control, .lineSeparator, .paragraphSeparator].contains(properties.generalCategory)
    }

    /// These, and those of no width that change how others look.
    fileprivate var isUnseen: Bool { breaksLine || !isASCII && properties.generalCategory == .format }
}
