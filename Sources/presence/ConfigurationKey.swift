import PresenceCore

/// One thing that can be configured. The flag, the environment variable and the place in the file follow from
/// the name: `callback.url` is `--callback-url`, `PRESENCE_CALLBACK_URL` and `{"callback": {"url": ...}}`.
struct ConfigurationKey: Sendable {
    enum Kind: Sendable {
        case text
        /// Comma separated as a flag or in the environment; in the file a list or the same text.
        case list
        /// A whole number in the unit the name ends with.
        case number(ClosedRange<Int>)
        case choice([String])
        case boolean
    }

    let name: String
    let kind: Kind
    /// The value where none is given; empty for none.
    let fallback: String
    /// The value is never printed, and can be given by `fileKey`.
    let isSecret: Bool
    /// A change of it counts when the process gets SIGHUP; else when it is started again.
    let isReloaded: Bool
    /// One sentence for `--help` and the documentation.
    let meaning: String

    init(
        _ name: String, _ kind: Kind, default fallback: String = "", isSecret: Bool = false,
        isReloaded: Bool = false, _ meaning: String
    ) {
        self.name = name
        self.kind = kind
        self.fallback = fallback
        self.isSecret = isSecret
        self.isReloaded = isReloaded
        self.meaning = meaning
    }

    var flag: String { "--" + name.split(separator: ".").joined(separator: "-") }
    var variable: String {
        "PRESENCE_" + String(name.uppercased().map { $0 == "." || $0 == "-" ? "_" : $0 })
    }

    /// The key that names a file with a secret's value: `app.secret-key-file`. nil for what is no secret.
    var fileKey: ConfigurationKey? {
        isSecret ? ConfigurationKey(name + "-file", .text, isReloaded: isReloaded, "A file that holds \(name).") : nil
    }

    /// Everything that can be said of this key, as it ends the sentence "must be ...".
    var accepted: String {
        switch kind {
        case .text: "text"
        case .list: "a comma-separated list"
        case .number(let range): "a whole number from \(range.lowerBound) to \(range.upperBound)"
        case .choice(let words): "one of " + words.joined(separator: ", ")
        case .boolean: "true or false"
        }
    }

    /// Whether a text is a value of this kind.
    func accepts(_ text: String) -> Bool {
        switch kind {
        case .text, .list: true
        case .number(let range): Int(digits: text).map(range.contains) ?? false
        case .choice(let words): words.contains(text)
        case .boolean: text == "true" || text == "false"
        }
    }

    /// A refusal of this key's value; the value is shown unless it is secret.
    func refused(_ value: String, must rule: String, at place: ConfigurationPlace? = nil) -> StartError {
        // Quoted and with escapes: it may hold anything and be of any length.
        let shown = isSecret ? "" : " is \(String(value.prefix(100)).debugDescription) but"
        return StartError(.configuration, "\(name)\(shown) must be \(rule); \(whereSet(place)).")
    }

    /// A refusal that does not show the value.
    func refused(because complaint: String, at place: ConfigurationPlace?) -> StartError {
        StartError(.configuration, "\(name) \(complaint); \(whereSet(place)).")
    }

    private func whereSet(_ place: ConfigurationPlace?) -> String {
        place.map { "it is \($0)" } ?? "set it with \(flag), \(variable) or in the configuration file"
    }
}
