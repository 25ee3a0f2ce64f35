extension ConfigurationSources {
    /// What a command line says for each key.
    /// - Throws: for flags that do not exist, come twice or have no value, and words that belong to no flag.
    static func values(of flags: [String]) throws(StartError) -> [String: ConfigurationValue] {
        var values: [String: ConfigurationValue] = [:]
        var seen: Set<String> = []
        var words = flags[...]
        var before = "serve"
        while let word = words.popFirst() {
            let name = String(word.prefix { $0 != "=" })
            guard word.hasPrefix("--") else {
                // The word itself may be part of a secret.
                throw StartError(.usage, "A word after \(before) belongs to no flag; quote values that hold spaces.")
            }
            guard let key = ConfigurationKey.known.first(where: { $0.flag == name }) else { throw unknown(name) }
            guard seen.insert(name).inserted else {
                throw StartError(.usage, "\(name) is given more than once: give it once\(key.forSeveral).")
            }
            before = name
            let text = try word.contains("=") ? String(word.dropFirst(name.count + 1)) : value(of: key, from: &words)
            values[key.name] = ConfigurationValue(.text(text), at: .flag(name))
        }
        return values
    }

    /// The words behind a flag that are its value; a boolean may stand alone.
    private static func value(
        of key: ConfigurationKey, from words: inout ArraySlice<String>
    ) throws(StartError) -> String {
        if let word = words.first, !word.hasPrefix("--") {
            words.removeFirst()
            return word
        }
        if case .boolean = key.kind { return "true" }
        throw StartError(
            .usage, "\(key.flag) needs a value: \(key.accepted) (behind = if it begins with --).")
    }

    private static func unknown(_ flag: String) -> StartError {
        let meant = ConfigurationKey.known.map(\.flag).nearest(to: flag).map { "is \($0) meant?" }
        return StartError(
            .usage, "There is no flag \(flag); \(meant ?? "presence serve --help shows those there are.")")
    }
}

extension ConfigurationKey {
    fileprivate var forSeveral: String {
        if case .list = kind { ", with commas between several values" } else { "" }
    }
}
