import PresenceCore

/// What was configured, key by key: a flag beats the environment, the environment beats the file. An empty
/// value counts as none. What looks like a key and is none is refused, not ignored.
struct ConfigurationSources: Sendable {
    private static let secretBytesMax = 65_536

    /// What counts for each key, by its name.
    private var values: [String: ConfigurationValue] = [:]
    /// The platforms the file has keys for.
    let platformNames: [String]

    /// - Parameters:
    ///   - flags: the command line behind `presence serve`.
    ///   - secrets: those that are needed: files that hold others are not read.
    init(
        flags: [String], environment: [String: String], secrets: [ConfigurationKey] = ConfigurationKey.all
    ) throws(StartError) {
        var layers = [try Self.values(of: flags), try Self.values(of: environment)]
        let config = ConfigurationKey.config
        if let value = layers.compactMap({ $0[config.name] }).first, let path = try config.entries(of: value).first {
            let file = try ConfigurationFile(path, named: value.place)
            layers.append(file.values)
            platformNames = file.platformNames.sorted()
        } else {
            platformNames = []
        }
        for layer in layers { values.merge(layer) { higher, _ in higher } }
        for key in secrets { values[key.name] = try Self.secret(key, in: layers) ?? values[key.name] }
    }

    /// The same, with what may change while the service runs as it is there.
    func reloaded(from other: ConfigurationSources) -> ConfigurationSources {
        var sources = self
        for key in ConfigurationKey.all where key.isReloaded { sources.values[key.name] = other.values[key.name] }
        return sources
    }

    /// The value of a secret that a file holds, read once: it may be a pipe. nil if it is given otherwise or not at all.
    private static func secret(
        _ key: ConfigurationKey, in layers: [[String: ConfigurationValue]]
    ) throws(StartError) -> ConfigurationValue? {
        guard let fileKey = key.fileKey else { return nil }
        guard let layer = layers.first(where: { $0[key.name] != nil || $0[fileKey.name] != nil }),
            let file = layer[fileKey.name], let path = try fileKey.entries(of: file).first
        else { return nil }
        if let value = layer[key.name] {
            throw StartError(
                .configuration,
                "\(key.name) is \(value.place), and \(fileKey.name) is \(file.place): leave one of them out.")
        }
        return try secret(fileKey, in: path, named: file.place)
    }

    /// What a file holds that the value of a `-file` key names.
    static func secret(
        _ fileKey: ConfigurationKey, in path: String, named place: ConfigurationPlace
    ) throws(StartError) -> ConfigurationValue {
        let reason: String
        do {
            let text = try TextFile.read(path, bytesMax: secretBytesMax)
            if let value = ConfigurationValue(.lines(text), at: .secretFile(path, named: place)) { return value }
            reason = "is empty"
        } catch {
            reason = error.reason
        }
        throw fileKey.refused(because: "names \(path.debugDescription), which \(reason)", at: place)
    }

    /// What was given for a key; nil if only its default stands.
    func given(_ key: ConfigurationKey) -> ConfigurationValue? { values[key.name] }

    /// The entries of a list that was given or is the default; none if there is neither.
    func list(_ key: ConfigurationKey) throws(StartError) -> [String] {
        if let value = given(key) { return try key.entries(of: value) }
        return key.fallback.isEmpty ? [] : [key.fallback]
    }

    /// The text given for a key or its default, checked against the key's kind; nil if there is neither.
    func text(_ key: ConfigurationKey) throws(StartError) -> String? { try list(key).first }

    func number(_ key: ConfigurationKey) throws(StartError) -> Int? {
        try text(key).flatMap { Int($0) }
    }

    func boolean(_ key: ConfigurationKey) throws(StartError) -> Bool? {
        try text(key).map { $0 == "true" }
    }

    func choice<Value: RawRepresentable<String>>(_ key: ConfigurationKey) throws(StartError) -> Value? {
        try text(key).flatMap { Value(rawValue: $0) }
    }

    /// Where each of several values comes from, as it ends a sentence about all of them.
    func places(of keys: [ConfigurationKey]) -> String {
        keys.map { "; \($0.name) is \(given($0).map { "\($0.place)" } ?? "the default")" }.joined()
    }

    /// A refusal that says where the value was given.
    func refused(_ key: ConfigurationKey, _ value: String, must rule: String) -> StartError {
        key.refused(value, must: rule, at: given(key)?.place)
    }

    func refused(_ key: ConfigurationKey, because complaint: String) -> StartError {
        key.refused(because: complaint, at: given(key)?.place)
    }
}
