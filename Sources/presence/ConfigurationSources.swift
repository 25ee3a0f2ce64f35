import Configuration
import Foundation
import Synchronization

/// What was configured, key by key: a flag beats the environment, the environment beats the file. An empty
/// value counts as none. A flag or a key of the file that does not exist is refused, not ignored.
struct ConfigurationSources: Sendable {
    private var snapshots: [any ConfigSnapshot]
    /// The platforms the file has keys for.
    private(set) var platformNames: [String] = []

    /// - Parameter flags: the command line behind `presence serve`.
    init(flags: [String], environment: [String: String]) throws(StartError) {
        try Self.check(flags)
        snapshots = [
            CommandLineArgumentsProvider(arguments: ["presence"] + flags).snapshot(),
            EnvironmentVariablesProvider(environmentVariables: environment).prefixKeys(with: "presence").snapshot(),
        ]
        guard let path = try text(.config) else { return }
        let file = try ConfigurationFile(path)
        platformNames = try Self.platforms(among: file.keys, of: path)
        snapshots.append(file.snapshot)
    }

    /// The text given for a key or its default, checked against the key's kind; nil if there is neither.
    func text(_ key: ConfigurationKey) throws(StartError) -> String? {
        for snapshot in snapshots {
            guard let text = key.text(in: snapshot), !text.isEmpty else { continue }
            guard key.accepts(text) else { throw key.refused(text, must: key.accepted) }
            return text
        }
        return key.fallback.isEmpty ? nil : key.fallback
    }

    func list(_ key: ConfigurationKey) throws(StartError) -> [String] {
        try text(key)?.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) } ?? []
    }

    func number(_ key: ConfigurationKey) throws(StartError) -> Int? {
        try text(key).flatMap { Int($0) }
    }

    func boolean(_ key: ConfigurationKey) throws(StartError) -> Bool? {
        try text(key).map { $0 == "true" }
    }

    func choice<Value: RawRepresentable<String>>(_ key: ConfigurationKey) throws(StartError) -> Value? {
        try text(key).flatMap { Value(rawValue: $0) }
    }
}

extension ConfigurationSources {
    /// Refuses flags that do not exist, flags without a value, and words that belong to no flag.
    private static func check(_ flags: [String]) throws(StartError) {
        var words = flags[...]
        var before = "serve"
        while let word = words.popFirst() {
            let name = String(word.prefix { $0 != "=" })
            guard word.hasPrefix("--") else {
                // The word itself may be part of a secret.
                throw StartError(.usage, "A word after \(before) belongs to no flag; quote values that hold spaces.")
            }
            guard let key = ConfigurationKey.all.first(where: { $0.flag == name }) else {
                throw StartError(.usage, "There is no flag \(name); presence serve --help shows those there are.")
            }
            before = name
            if word.contains("=") { continue }
            if case .boolean = key.kind, words.first.map({ $0.hasPrefix("--") }) ?? true { continue }
            guard words.popFirst().map({ !$0.hasPrefix("--") }) ?? false else {
                throw StartError(.usage, "\(name) needs a value: \(key.accepted).")
            }
        }
    }

    /// The variables that look like ours and are not: others may set such, so they are told and not refused.
    static func unknownVariables(in environment: [String: String]) -> [String] {
        let known = Set(ConfigurationKey.all.map(\.variable))
        return environment.keys.filter { $0.hasPrefix("PRESENCE_") && !known.contains($0) }.sorted()
    }

    /// The names under `platforms`, once every key of the file is known to exist.
    private static func platforms(among keys: [String], of path: String) throws(StartError) -> [String] {
        let known = Set(ConfigurationKey.all.map(\.name)).subtracting([ConfigurationKey.config.name])
        var names: Set<String> = []
        for key in keys where !known.contains(key) {
            let parts = key.split(separator: ".").map(String.init)
            guard parts.count == 3, ConfigurationKey.platform(parts[1]).all.contains(where: { $0.name == key }) else {
                throw StartError(
                    .configuration, "There is no key \"\(key)\", which \(path) sets; presence serve --help shows all.")
            }
            names.insert(parts[1])
        }
        return names.sorted()
    }
}

extension ConfigurationKey {
    /// The value in one source as text. Files hold typed values, so the type of the kind is asked for first.
    fileprivate func text(in snapshot: some ConfigSnapshot) -> String? {
        let own: ConfigType =
            switch kind {
            case .number: .int
            case .boolean: .bool
            case .text, .list, .choice: .string
            }
        for type in [own, .string, .stringArray, .int, .double, .intArray] {
            let found = try? snapshot.value(forKey: AbsoluteConfigKey(ConfigKey(name)), type: type)
            switch found?.value?.content {
            case .string(let text): return text
            case .stringArray(let texts): return texts.joined(separator: ",")
            case .int(let number): return String(number)
            case .double(let number): return String(number)
            case .bool(let flag): return String(flag)
            case .intArray(let numbers): return numbers.map(String.init).joined(separator: ",")
            case .doubleArray, .boolArray, .bytes, .byteChunkArray, nil: continue
            @unknown default: continue
            }
        }
        return nil
    }
}

/// A configuration file and the names of the keys in it.
private struct ConfigurationFile {
    let snapshot: any ConfigSnapshot
    let keys: [String]

    init(_ path: String) throws(StartError) {
        // The library asks once for each key of a file whether its value is secret; nothing else lists the keys.
        let names = Mutex<Set<String>>([])
        let collect = { @Sendable (name: String) in
            names.withLock { $0.insert(name).inserted }
        }
        do {
            let data = try Data(contentsOf: URL(fileURLWithPath: path))
            snapshot =
                if path.hasSuffix(".json") {
                    try JSONSnapshot(
                        data: data.bytes, providerName: path,
                        parsingOptions: .init(secretsSpecifier: .dynamic { name, _ in collect(name) }))
                } else {
                    try YAMLSnapshot(
                        data: data.bytes, providerName: path,
                        parsingOptions: .init(secretsSpecifier: .dynamic { name, _ in collect(name) }))
                }
        } catch {
            throw StartError(
                .configuration, "\(path) cannot be read as a JSON or YAML object of keys; see --config.",
                underlying: error)
        }
        keys = names.withLock { $0.sorted() }
    }
}
