import PresenceCore

extension ConfigurationKey {
    /// The entries of a value of this key, one unless it is a list.
    /// - Throws: what is wrong with it, if it is not exactly one that this kind of key has.
    func entries(of value: ConfigurationValue) throws(StartError) -> [String] {
        let entries = try split(value)
        for entry in entries {
            try checkSpelling(of: entry, at: value.place)
            guard accepts(entry) else { throw notAccepted(entry, at: value.place) }
        }
        return entries
    }

    private func split(_ value: ConfigurationValue) throws(StartError) -> [String] {
        guard case .list = kind else {
            switch value.content {
            case .text(let text), .lines(let text): return [text]
            case .list: throw refused(because: "must be \(accepted), not a list", at: value.place)
            }
        }
        let entries: [String]
        switch value.content {
        case .list(let list): entries = list
        case .text(let text):
            try checkSpelling(of: text, isWhole: true, at: value.place)
            entries = text.split(separator: ",", omittingEmptySubsequences: false).map(\.trimmed)
        case .lines(let text):
            let isBetween = { (character: Character) in [",", "\n", "\r\n"].contains(character) }
            entries = text.split(omittingEmptySubsequences: false, whereSeparator: isBetween).map(\.trimmed)
        }
        guard !entries.contains("") else {
            throw refused(because: "has an empty entry: leave out the comma or line too many", at: value.place)
        }
        return entries
    }

    /// What would be part of the value although nobody means it so.
    /// - Parameter isWhole: a text still to be split, with blanks behind its commas.
    private func checkSpelling(
        of text: String, isWhole: Bool = false, at place: ConfigurationPlace
    ) throws(StartError) {
        if text.isEnclosedInQuotes {
            throw refused(because: "is enclosed in quotes, which would be part of it: leave them out", at: place)
        }
        guard !text.containsControlCharacter else {
            throw refused(because: "holds a line break, a tab or another control character: leave it out", at: place)
        }
        guard !isSecret || isWhole || !text.unicodeScalars.contains(where: \.isBlank) else {
            throw refused(because: "is a secret that holds a blank: leave it out", at: place)
        }
    }

    private func notAccepted(_ text: String, at place: ConfigurationPlace) -> StartError {
        guard case .variable(let variable) = place, text.hasPrefix("tcp://") || text.hasPrefix("udp://") else {
            return refused(text, must: accepted, at: place)
        }
        return refused(
            because: "is an address because Kubernetes sets \(variable) in pods beside a service called presence: set "
                + "enableServiceLinks: false in the pod's spec, or call the service otherwise", at: place)
    }
}

extension String {
    /// By the same on a keyboard, or by any two that editors put in their place.
    fileprivate var isEnclosedInQuotes: Bool {
        guard unicodeScalars.count > 1, let first = unicodeScalars.first, let last = unicodeScalars.last else {
            return false
        }
        let typographic = "“”„‟‘’‚‛«»‹›".unicodeScalars
        return first == last && "\"'".unicodeScalars.contains(first)
            || typographic.contains(first) && typographic.contains(last)
    }
}

extension Unicode.Scalar {
    /// White space, and what is not seen at all.
    fileprivate var isBlank: Bool { properties.isWhitespace || properties.generalCategory == .format }
}
